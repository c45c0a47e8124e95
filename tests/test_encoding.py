"""Text is UTF-8 whatever the locale says."""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest

from run.small import environment
from tests.conftest import REPOSITORY

SOURCES = REPOSITORY / "src" / "selfdistill"
KERNEL = {"grading/cgroups.py", "grading/namespaces.py"}
"""They read and write files of the kernel, which are ASCII."""
LOCK = "directory.py"
"""Opens a file that holds nothing."""


def without_encoding(source: str) -> list[int]:
    """Lines on which a text file is read or written in the locale's encoding."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        name, named = node.func.attr, "encoding" in {keyword.arg for keyword in node.keywords}
        ours = isinstance(node.func.value, ast.Name) and node.func.value.id in ("files", "os", "system")
        binary = any(isinstance(arg, ast.Constant) and "b" in str(arg.value) for arg in node.args)
        if name in ("read_text", "write_text", "open") and not (named or ours or (name == "open" and binary)):
            found.append(node.lineno)
    return found


def test_every_text_file_names_its_encoding():
    assert without_encoding("path.read_text()\npath.open('w')\npath.open('rb')\nfiles.write_text(a, b)") == [1, 2]
    sources = {path.relative_to(SOURCES).as_posix(): path for path in sorted(SOURCES.rglob("*.py"))}
    found = {name: without_encoding(path.read_text(encoding="utf-8")) for name, path in sources.items()}
    assert {name for name, lines in found.items() if lines} <= KERNEL | {LOCK}


@pytest.mark.slow
def test_a_run_reads_and_prints_what_an_ascii_locale_has_no_letters_for(tmp_path):
    """Python would take the C locale for UTF-8 of its own accord, but no Latin-1; so it is told not to."""
    recipe = tmp_path / "mine.yaml"
    recipe.write_text("name: 学习 – müller\nmodel: {path: embedded}\n", encoding="utf-8")
    program = f"""
from pathlib import Path
from selfdistill.files import read_json, write_json
path = Path({str(tmp_path / "x.json")!r})
write_json(path, {{"name": "学习"}})
assert read_json(path) == {{"name": "学习"}}
import sys
sys.argv = ["selfdistill", "plan", {str(recipe)!r}, "--gpus", "8"]
from selfdistill.cli import main
main()
"""
    ascii_only = {**environment(), "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    script = tmp_path / "script.py"
    script.write_text(program, encoding="utf-8")
    done = subprocess.run([sys.executable, str(script)], env=ascii_only, capture_output=True, check=False)
    assert b"Traceback" not in done.stderr, done.stderr.decode()
