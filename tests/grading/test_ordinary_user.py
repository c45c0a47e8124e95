"""The grader under an ordinary user: without root, capabilities or control groups. For when the tests run as root."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
NOBODY = 65534


def _python_of(user: int) -> str | None:
    """An interpreter of this version that the user may run with these packages, if there is one."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for python in (sys.executable, f"/usr/bin/{version}", f"/usr/local/bin/{version}"):
        try:
            if not _run(user, [python, "-c", "import pytest, selfdistill.grading"]).returncode:
                return python
        except OSError:
            continue
    return None


def _run(user: int, command: list[str], home: str = "/tmp") -> subprocess.CompletedProcess[str]:
    paths = [str(REPOSITORY / "src"), str(REPOSITORY), sysconfig.get_path("purelib")]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(paths), "HOME": home}
    environment |= {"PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}
    who = {"user": user, "group": user, "extra_groups": []}
    return subprocess.run(command, env=environment, cwd=REPOSITORY, capture_output=True, text=True, check=False, **who)  # type: ignore[call-overload,no-any-return]


@pytest.mark.slow
@pytest.mark.usefixtures("sandbox_works")
@pytest.mark.skipif(os.geteuid() != 0, reason="the other tests run as an ordinary user already")
@pytest.mark.parametrize("name", ["test_faults", "test_attacks", "test_hostile", "test_checker"])
def test_as_an_ordinary_user(name: str) -> None:
    python = _python_of(NOBODY)
    if python is None:
        pytest.skip("no interpreter that an ordinary user may run with these packages")
    with tempfile.TemporaryDirectory() as home:  # pytest's own directories are closed to others
        os.chown(home, NOBODY, NOBODY)
        options = ["-q", "-p", "no:cacheprovider", "--basetemp", f"{home}/tmp", "-W", "default", "-m", "not slow"]
        found = _run(NOBODY, [python, "-m", "pytest", *options, f"tests/grading/{name}.py"], home)
    assert found.returncode == 0, found.stdout[-4000:] + found.stderr[-2000:]
