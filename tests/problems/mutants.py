# ruff: noqa: E501, B008 - rows of data and small programs
"""Wrong versions of a right solution: one operator, constant or bound changed, kept if a plain Python run shows it wrong."""

from __future__ import annotations

import ast
import copy
import subprocess
import sys
from collections.abc import Iterator

_SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult, ast.Mod: ast.Add,
    ast.Lt: ast.GtE, ast.LtE: ast.Lt, ast.Gt: ast.LtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.And: ast.Or, ast.Or: ast.And,
}  # fmt: skip


def mutants(source: str, entry_point: str) -> Iterator[str]:
    """Sources that differ from `source` in one place of the entry point's function."""
    places = len(list(_places(_function(ast.parse(source), entry_point))))
    for place in range(places):
        tree = ast.parse(source)
        list(_places(_function(tree, entry_point)))[place]()
        yield ast.unparse(ast.fix_missing_locations(tree))


def _function(tree: ast.Module, name: str) -> ast.AST:
    return next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name)


def _places(function: ast.AST) -> Iterator[object]:
    """One change for each place that has one, as a function that makes it."""
    for node in ast.walk(function):
        for field in ("op", "ops"):
            value = getattr(node, field, None)
            first = value[0] if isinstance(value, list) else value
            if type(first) in _SWAPS:
                yield lambda node=node, field=field, value=value, swap=_SWAPS[type(first)](): setattr(
                    node, field, [swap, *value[1:]] if isinstance(value, list) else swap
                )
        if isinstance(node, ast.Constant) and type(node.value) in (int, float, bool):
            yield lambda node=node: setattr(
                node, "value", (not node.value) if node.value is True or node.value is False else node.value + 1
            )
        if isinstance(node, ast.Constant) and type(node.value) is str and node is not _docstring(function):
            yield lambda node=node: setattr(node, "value", node.value + "!")
        if isinstance(node, ast.Return) and node.value is not None:
            value = copy.deepcopy(node.value)
            pair = ast.Tuple([value, ast.Constant(0)], ast.Load())
            yield lambda node=node, pair=pair: setattr(node, "value", pair)
            yield lambda node=node: setattr(node, "value", ast.Constant(None))
            row = ast.List([copy.deepcopy(node.value)], ast.Load())
            yield lambda node=node, row=row: setattr(node, "value", row)


def _docstring(function: ast.AST) -> ast.AST | None:
    first = function.body[0]  # type: ignore[attr-defined]
    return first.value if isinstance(first, ast.Expr) else None


def is_wrong(program: str, check: str, entry_point: str) -> bool:
    """Whether a plain Python process fails the check within a few seconds; a hanging mutant is not counted as wrong."""
    source = f"{program}\n{check}\ncheck({entry_point})\n"
    try:
        result = subprocess.run([sys.executable, "-c", source], capture_output=True, timeout=5, check=False)
    except subprocess.TimeoutExpired:
        return False
    return result.returncode != 0
