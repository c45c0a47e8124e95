"""What a prompt asks for, read from its words alone: which function with which parameters, or a program of its own.

The name comes from the starter code, else from the last function that the statement begins, else from its assertions.
Types come from annotations, else from a typed list of inputs in the statement (`rows` (list of lists of floats): ...).
Reads text; runs nothing.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator
from dataclasses import dataclass

_DEFINITION = re.compile(r"^([ \t]*)(?:async[ \t]+)?def[ \t]+(\w+)[ \t]*\(", re.MULTILINE)
_ASSERTION = re.compile(r"^[ \t>]*assert\b(.*)$", re.MULTILINE)
_LISTED = re.compile(r"^[ \t]*[-*]?[ \t]*[`*\"']*(\w+)[`*\"']*[ \t]*(?:\((.*?)\)[ \t]*:|:)[ \t]*(.*)$", re.MULTILINE)
_FAULTS = (SyntaxError, ValueError, RecursionError, MemoryError)


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of the function, as far as the prompt describes it."""

    name: str
    type: str = ""
    """As it is written: `List[int]`, `list of lists of floats`; empty where nothing is said."""
    words: str = ""
    """What the statement's list of inputs says of it."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One prompt's task."""

    text: str
    """Statement and starter code, in which examples are looked for."""
    entry_point: str | None
    """None: a program that reads standard input."""
    parameters: tuple[Parameter, ...] = ()
    prelude: bool = False
    """Whether the answer is run with LeetCode's imports at hand, as one that fills starter code is."""


def asked_of(statement: str, starter_code: str = "", entry_point: str | None = None) -> Asked:
    """What a prompt asks for.

    Args:
        statement: its problem, before any template.
        starter_code: a function header or class skeleton to fill.
        entry_point: the function's name, where it is known.
    """
    name = entry_point or _named(starter_code) or _named(statement) or _asserted(statement)
    text = f"{statement}\n{starter_code}"
    if name is None:
        return Asked(text, None)
    listed = {match[1]: (match[2] or "", match[3]) for match in _LISTED.finditer(statement)}
    header = _header(starter_code, name) or _header(statement, name)
    parameters = tuple(_parameter(each, *listed.get(each.arg, ("", ""))) for each in header or ())
    return Asked(text, name, parameters, prelude=bool(starter_code.strip()))


def _named(code: str) -> str | None:
    """The function that code asks to complete: its last one that is not private, at the margin if any is."""
    found = [(len(match[1]), match[2]) for match in _DEFINITION.finditer(code) if not match[2].startswith("__")]
    outer = [name for indent, name in found if not indent]
    return (outer or [name for _, name in found] or [None])[-1]


def _asserted(statement: str) -> str | None:
    """The function that the statement's assertions are about: the one that most of them call."""
    names = [name for match in _ASSERTION.finditer(statement) for name in _called(match[1])]
    return max(dict.fromkeys(names), key=names.count) if names else None


def _called(source: str) -> Iterator[str]:
    try:
        nodes = list(ast.walk(ast.parse(source.strip(), mode="eval")))
    except _FAULTS:
        return
    called = [node.func.id for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    yield from [name for name in called if not hasattr(builtins, name)] or called[:1]


def _header(code: str, name: str) -> list[ast.arg] | None:
    """The parameters of a function's header, `self` left out; those after it may be missing their body."""
    pattern = rf"^([ \t]*)((?:async[ \t]+)?def[ \t]+{re.escape(name)}[ \t]*\()"
    matches = list(re.finditer(pattern, code, re.MULTILINE))
    if not matches:
        return None
    match = matches[-1]
    depth, at = 1, match.end()
    while depth and at < len(code):
        depth += (code[at] in "([{") - (code[at] in ")]}")
        at += 1
    try:
        node = ast.parse(f"{code[match.start(2) : at]}: pass").body[0]
    except _FAULTS:
        return None
    assert isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    positional = [*node.args.posonlyargs, *node.args.args]
    required = positional[: len(positional) - len(node.args.defaults)]
    return required[1:] if match[1] and required and required[0].arg in ("self", "cls") else required


def _parameter(node: ast.arg, listed_type: str, words: str) -> Parameter:
    annotation = ast.unparse(node.annotation) if node.annotation else ""
    return Parameter(node.arg, annotation or listed_type, words.strip())
