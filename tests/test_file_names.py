"""A run's file names are written down once, in `RunDirectory`; everything else asks it for paths."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import selfdistill
from selfdistill.directory import RunDirectory

SOURCE = Path(selfdistill.__file__).parent
EXCEPT = {
    "directory.py",
    "cli/contamination.py",  # two files are compared without a run: contamination.json goes where the user is
}
ROOT = Path("run")


def names() -> set[str]:
    """Of every file at the top of a run, and the folders of its parts."""
    paths = [
        member.fget(RunDirectory(ROOT))  # type: ignore[misc]
        for _, member in inspect.getmembers(RunDirectory, lambda member: isinstance(member, property))
    ]
    folders = {path.relative_to(ROOT).parts[0] for path in paths if "." not in path.relative_to(ROOT).parts[0]}
    files = {path.name for path in paths if path.suffix and path.name != "README.md"}
    return files | {f"{folder}/" for folder in folders - {"student"}}


def spelled(path: Path) -> set[str]:
    """Strings in a module that are a file's name, or a folder's joined to a path by `/`."""
    tree = ast.parse(path.read_text())
    found = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    joined = {
        f"{side.value}/"
        for node in ast.walk(tree)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div)
        for side in (node.left, node.right)
        if isinstance(side, ast.Constant)
    }
    return (found | joined) & names()


def test_no_other_module_spells_them():
    assert {"manifest.json", "explain.html", "regressions/", "evaluation/", "targets/"} <= names()
    assert spelled(SOURCE / "directory.py") >= {"manifest.json", "evaluation/"}
    modules = {path.relative_to(SOURCE).as_posix(): path for path in SOURCE.rglob("*.py")}
    assert set(modules) >= EXCEPT
    assert {name: found for name, path in modules.items() if name not in EXCEPT and (found := spelled(path))} == {}
