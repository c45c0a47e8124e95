"""Which names of a program its tests use."""

from __future__ import annotations

import ast
import builtins
from functools import lru_cache

from selfdistill.records import AssertTests, CallTests, DoctestTests, Tests


def used_names(tests: Tests) -> frozenset[str]:
    """Functions and classes that the tests call or read; empty where a program is run as a whole, or is no program."""
    if isinstance(tests, CallTests):
        return frozenset({tests.entry_point, "Solution"})
    if isinstance(tests, AssertTests):
        return _of_script(tests.script, tests.setup, tests.entry_point)
    if isinstance(tests, DoctestTests):
        return _of_script("".join(example.source for example in tests.examples), "", tests.entry_point)
    return frozenset()


@lru_cache(maxsize=4096)
def _of_script(script: str, setup: str, entry_point: str | None) -> frozenset[str]:
    """The entry point, and names that the script reads, has not bound, and that are not built in."""
    wanted = {entry_point} if entry_point else set()
    try:
        nodes = [node for part in (setup, script) for node in ast.walk(ast.parse(part))]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return frozenset(wanted)
    bound: set[str] = set()
    read: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Name):
            (read if isinstance(node.ctx, ast.Load) else bound).add(node.id)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            bound.add(node.name)
        elif isinstance(node, ast.arg):
            bound.add(node.arg)
        elif isinstance(node, ast.ImportFrom) and node.module == "solution":
            wanted.update(alias.name for alias in node.names)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            bound.update((alias.asname or alias.name).partition(".")[0] for alias in node.names)
    return frozenset(wanted | {name for name in read - bound if not hasattr(builtins, name)})
