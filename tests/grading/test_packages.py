"""Programs find the interpreter's packages wherever these lie, and nothing else of the machine's private places."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy
import pytest

from selfdistill import events
from selfdistill.grading import Limits, Submission, grade, isolation, isolation_report, namespaces
from selfdistill.records import StdinCase, StdinTests

pytestmark = pytest.mark.usefixtures("sandbox_works")
LAYER = "this interpreter's packages, for programs to import"


@pytest.fixture(params=["/tmp", "/dev/shm"])
def place(request: pytest.FixtureRequest) -> Iterator[Path]:
    """A directory of one's own in a place that the sandbox has its own of; `mkdtemp` shuts others out."""
    directory = Path(tempfile.mkdtemp(dir=request.param))
    yield directory
    shutil.rmtree(directory)


def packages_in(monkeypatch: pytest.MonkeyPatch, directory: Path) -> None:
    """As in a virtual environment whose packages are in this directory."""
    real = sysconfig.get_path
    ours = ("purelib", "platlib")
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(directory) if name in ours else real(name))
    isolation.packages_fault.cache_clear()


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    yield
    isolation.packages_fault.cache_clear()


def printed(program: str, monkeypatch: pytest.MonkeyPatch, expected: str, level: str = "full") -> None:
    """Assert what a program prints, each time that it runs in the same sandbox."""
    monkeypatch.setattr(events, "_warned", set())
    tests = StdinTests(tuple(StdinCase(str(n), expected) for n in range(2)))
    [verdict] = grade([Submission("a", program, tests)], workers=1, isolation=level, limits=Limits(4.0))  # type: ignore[arg-type]
    assert verdict.passed, verdict


@pytest.mark.parametrize("level", ["full", "process"])
def test_packages_are_found_wherever_they_lie(place: Path, monkeypatch: pytest.MonkeyPatch, level: str) -> None:
    packages = place / "lib" / "site-packages"
    (packages / "some_package").mkdir(parents=True)
    (packages / "some_package" / "__init__.py").write_text("from some_package.inner import VALUE\n")
    (packages / "some_package" / "inner.py").write_text("VALUE = 'found'\n")
    packages_in(monkeypatch, packages)
    printed("import some_package\nprint(some_package.VALUE)", monkeypatch, "found", level)


SPY = """
import os
print(sorted(os.listdir("/tmp")), sorted(os.listdir("/dev/shm")))
open("/tmp/mine", "w").close()
for root, folders, files in os.walk("/machine"):
    print(root, sorted(folders), sorted(files))
for path in ("{packages}", "/machine{canary}", "{canary}"):
    print(os.path.exists(path))
try:
    open("/machine{packages}/own.py", "w")
except OSError as error:
    print(type(error).__name__)
"""


def test_nothing_beside_them_is_seen_and_the_scratch_space_stays_private(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packages = place / "site-packages"
    packages.mkdir()
    (packages / "one.py").write_text("")
    (place / "canary").write_text("secret")
    packages_in(monkeypatch, packages)
    parts = packages.parts[1:]
    ways = [f"/machine{''.join(f'/{part}' for part in parts[:n])} {[part]} []" for n, part in enumerate(parts)]
    expected = ["[] []", *ways, f"/machine{packages} [] ['one.py']", "False", "False", "False", "OSError"]
    printed(SPY.format(packages=packages, canary=place / "canary"), monkeypatch, "\n".join(expected))


def test_an_interpreter_without_packages_is_said_by_grade_and_in_the_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (LAYER, True, "") in isolation_report()
    (tmp_path / "site-packages").mkdir()
    packages_in(monkeypatch, tmp_path / "site-packages")
    expected = f"ModuleNotFoundError: No module named 'numpy' (they see {tmp_path / 'site-packages'}: "
    [(available, advice)] = [row[1:] for row in isolation_report() if row[0] == LAYER]
    assert not available
    assert advice.startswith(expected)
    printed("print(1)", monkeypatch, "1")  # programs without packages are graded as ever
    isolation.require("full")
    said = capsys.readouterr().err
    assert said.startswith(f"warning: programs that import packages will fail: {expected}")
    assert said.count("\n") == 1


def test_what_the_sandbox_has_of_its_own_is_shown_elsewhere() -> None:
    for path in ("/tmp/v/lib", "/tmp", "/dev/shm/v", "/proc/self/root/v"):
        assert namespaces._seen_at(path) == f"/machine{path}"
    for path in ("/usr/lib", "/tmpfiles/v", "/devices", "/srv/tmp/v", "/opt/dev/shm"):
        assert namespaces._seen_at(path) == path


PROGRAM = """```python
import numpy as np
def has_close_elements(numbers, threshold):
    return bool((np.diff(np.sort(np.array(numbers))) < threshold).any())
```"""
PROBLEM = {
    "task_id": "Made/0",
    "prompt": "def has_close_elements(numbers, threshold):\n",
    "entry_point": "has_close_elements",
    "canonical_solution": "    return False\n",
    "test": "def check(f):\n    assert f([1.0, 2.0, 1.1], 0.5)\n    assert not f([1.0, 2.0], 0.5)\n",
}


@pytest.mark.slow
def test_a_virtual_environment_below_tmp_grades_programs_that_import_numpy(place: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", place / "venv"], check=True)
    [packages] = (place / "venv" / "lib").glob("python3*/site-packages")
    source = Path(numpy.__file__).parent
    for folder in (source, source.with_name("numpy.libs")):
        if folder.is_dir():
            shutil.copytree(folder, packages / folder.name)
    (place / "problems.jsonl").write_text(json.dumps(PROBLEM) + "\n")
    (place / "answers.jsonl").write_text(json.dumps({"task_id": "Made/0", "completion": PROGRAM}) + "\n")
    # The environment has numpy only; the package and what it needs come from this one.
    path = [str(Path(__file__).parents[2] / "src"), *[entry for entry in sys.path if entry.endswith("-packages")]]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path)}
    arguments = ["grade", "answers.jsonl", "--chat", "--benchmark", "problems.jsonl", "--out", "verdicts.jsonl"]
    command = [str(place / "venv" / "bin" / "python"), "-m", "selfdistill", *arguments]
    done = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert json.loads((place / "verdicts.jsonl").read_text())["outcome"] == "passed"
