"""The public surface: its names, an instant import, and documentation that tells the truth."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from fnmatch import fnmatch

import pytest
from typer.testing import CliRunner

import selfdistill
from selfdistill.cli.app import app
from selfdistill.cli.commands import PANELS
from selfdistill.cli.load import load
from selfdistill.errors import UserError
from tests.conftest import REPOSITORY

HEAVY = ("torch", "transformers", "pydantic", "numpy", "typer", "rich", "matplotlib")


def test_every_public_name_loads_and_is_documented():
    assert set(selfdistill._HOME) == set(selfdistill.__all__)
    for name in selfdistill.__all__:
        assert getattr(selfdistill, name).__doc__
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        selfdistill.nonsense  # noqa: B018


def test_importing_the_package_loads_nothing_heavy():
    program = f"import sys, selfdistill; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_help_loads_no_model_library():
    program = (
        "import sys\nfrom typer.testing import CliRunner\nfrom selfdistill.cli.app import app\n"
        "assert CliRunner().invoke(app, ['run', '--help']).exit_code == 0\n"
        "print([name for name in ('torch', 'transformers', 'matplotlib', 'numpy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


LISTED = [each for panel in PANELS.values() for each in panel]


@pytest.mark.parametrize("listed", LISTED, ids=lambda each: each.name)
def test_the_table_says_of_a_command_what_its_docstring_says(listed):
    paragraph = inspect.cleandoc(load(listed).__doc__).partition("\n\n")[0]
    assert listed.line == paragraph.replace("\n", " ")


def test_the_list_of_commands_imports_none_of_them():
    program = (
        "import sys\nfrom typer.testing import CliRunner\nfrom selfdistill.cli.app import app\n"
        "listing = CliRunner().invoke(app, ['--help'], env={'COLUMNS': '200'})\nassert listing.exit_code == 0\n"
        "assert 'Step 1: sample from the frozen base.' in listing.output\n"
        "assert 'Learning curves of hard targets' in listing.output\n"
        "print([name for name in sys.modules if name in ('pydantic', 'selfdistill.cli.stages', 'selfdistill.recipe')])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("reprot", "no such command 'reprot'. Did you mean 'report'"),
        ("grade a.jsonl --benchmark humaneval --out x --workers x", "invalid value for '--workers': .*integer"),
        ("grade a.jsonl --benchmark humaneval --out x --seconds 1,5", "invalid value for '--seconds': .*number"),
        ("grade a.jsonl --benchmark humaneval --out x --memory-mb 1.5", "invalid value for '--memory-mb': .*integer"),
        ("grade a.jsonl", r"missing option '--benchmark' \(.* grade --help lists what there is\)"),
        ("grade a.jsonl --wrokers 2", "no such option: --wrokers"),
        ("grade", "missing argument"),
        ("run --set", "option '--set' requires an argument"),
        ("--log xml recipes", "invalid value for '--log'"),
        ("--nosuch", "no such option: --nosuch"),
    ],
)
def test_a_mistyped_command_line_is_one_line(arguments, message):
    """The program prints a UserError as every other one, and ends with code 2."""
    done = CliRunner().invoke(app, arguments.split())
    assert isinstance(done.exception, UserError)
    assert re.match(message, str(done.exception))
    assert not done.output


@pytest.mark.parametrize("command", [each.name for each in LISTED])
def test_every_command_has_help_with_an_example_that_names_it(command):
    result = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200", "TERM": "dumb"})
    assert result.exit_code == 0
    assert f"selfdistill {command}" in result.output.partition("Usage:")[2].partition("\n")[2]


def test_the_readmes_files_and_commands_exist():
    text = (REPOSITORY / "README.md").read_text()
    for target in re.findall(r"\]\(((?!http)[^)#]+)", text):
        assert (REPOSITORY / target).exists(), target
    for path in re.findall(r"^(?:├──|└──|│   ├──|│   └──) (\S+)", text, re.MULTILINE):
        assert list(REPOSITORY.rglob(path.rstrip("/"))), path
    used = set(re.findall(r"^(?:\$ )?selfdistill ([\w-]+)", text, re.MULTILINE))
    assert used <= {each.name for each in LISTED}
    for target in re.findall(r"`make ([\w-]+)`", text):
        assert f"\n{target}:" in (REPOSITORY / "Makefile").read_text()


@pytest.mark.parametrize("page", sorted(path.name for path in (REPOSITORY / "docs").glob("*.md")))
def test_links_between_pages_lead_somewhere(page):
    text = (REPOSITORY / "docs" / page).read_text()
    for target in re.findall(r"\]\(((?!http)[^)#]+)", text):
        assert (REPOSITORY / "docs" / target).exists(), target


@pytest.mark.slow
def test_the_examples_of_the_api_page_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = (REPOSITORY / "docs" / "api.md").read_text()
    program = "\n".join(re.findall(r"```python\n(.*?)```", text, re.DOTALL))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=500)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "runs" / "from-python" / "report.html").is_file()
    assert (tmp_path / "runs" / "stage-by-stage" / "student" / "README.md").is_file()


def test_every_file_that_is_shipped_beside_the_code_has_its_licence_said():
    package = REPOSITORY / "src" / "selfdistill"
    page = (REPOSITORY / "docs" / "licences.md").read_text()
    rows = re.findall(r"^\| (`[^|]+`) \|", page, re.MULTILINE)
    patterns = [name for row in rows for name in re.findall("`([^`]+)`", row)]
    files = [path.relative_to(package) for path in package.rglob("*") if path.is_file() and path.suffix != ".py"]
    shipped = [path for path in files if "__pycache__" not in path.parts]
    assert [str(path) for path in shipped if not any(fnmatch(str(path), each) for each in patterns)] == []
    assert [each for each in patterns if not any(fnmatch(str(path), each) for path in shipped)] == []
