"""Fixtures for tests that run programs."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from selfdistill.grading.isolation import full_isolation_fault


@pytest.fixture(scope="session")
def sandbox_works() -> None:
    """Skip where the machine cannot isolate programs."""
    fault = full_isolation_fault()
    if fault:
        pytest.skip(f"no full isolation here: {fault}")


@pytest.fixture
def no_leftovers() -> Iterator[None]:
    """Nothing that the test started, directly or not, may be alive at its end: orphans come to this process."""
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
    before = _children()
    yield
    left = _children() - before
    assert not left, [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in left]


def _children() -> set[str]:
    found: set[str] = set()
    for task in Path(f"/proc/{os.getpid()}/task").iterdir():
        with suppress(OSError):  # a thread that has just ended
            found |= set((task / "children").read_text().split())
    return found


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A directory that programs must not touch, open to everybody."""
    directory = tmp_path / "outside"
    directory.mkdir(mode=0o777)
    directory.chmod(0o777)
    (directory / "canary.txt").write_text("alive")
    return directory
