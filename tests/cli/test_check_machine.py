"""What is said before anything is installed."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from selfdistill.grading.bubblewrap import bubblewrap_path

SCRIPT = Path(__file__).parents[2] / "scripts" / "check_machine.py"


@pytest.fixture
def script(monkeypatch):
    specification = importlib.util.spec_from_file_location("check_machine", SCRIPT)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_this_machine_will_do():
    done = subprocess.run([sys.executable, str(SCRIPT)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_one_line_for_each_fault(script, monkeypatch):
    monkeypatch.setattr(script, "has_user_namespaces", lambda: False)
    assert "ISOLATION=process" in script.fault("full")
    assert script.fault("process") is None
    monkeypatch.setitem(sys.modules, "ensurepip", None)
    assert "apt-get install python3-venv" in script.fault("process")
    monkeypatch.delitem(sys.modules, "ensurepip")
    monkeypatch.setattr(sys, "platform", "darwin")
    assert "on Linux only, and this is darwin" in script.fault("process")
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))
    assert "this is 3.9" in script.fault("process")


@pytest.mark.slow
def test_a_machine_without_user_namespaces(tmp_path):
    """A sandbox that forbids further namespaces stands for it."""
    command = [
        bubblewrap_path() or "bwrap",
        "--unshare-user",
        "--disable-userns",
        "--dev-bind",
        "/",
        "/",
        sys.executable,
        str(SCRIPT),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("error: programs cannot be isolated")
    assert len(done.stderr.splitlines()) == 1
