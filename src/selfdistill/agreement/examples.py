"""The inputs that a statement shows: arguments of example calls, or standard input of sample runs.

What an example says of the result is never read. Three forms are known for functions, because these are what
statements have: calls (`f(1, 2) == 3`, doctests, assertions), parameters set to values (`For lst = [1, 2] the output
...`), and `Input:` with the bare values below or beside it. Reads text; runs nothing.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator, Sequence
from typing import Any

from selfdistill.grading.assertions import constant

Arguments = tuple[Any, ...]
"""Plain data, one value a parameter."""
_LONGEST = 20_000
"""Characters of one example that are looked at."""
_FAULTS = (SyntaxError, ValueError, TypeError, ArithmeticError, RecursionError, MemoryError)
_CALL = re.compile(r"(?<![\w.])([A-Za-z_]\w*)\s*\(")
_RESULT = re.compile(r"\s*(?:==|=>|=|->|➞|→|\breturns?\b|\bgives?\b|\bshould\b|\bis\b|#|\n)")
_INPUT = re.compile(r"\bInput\b[ \t]*\d*[ \t]*:[ \t]*(.*)")
_HEADING = r"^[ \t>*#_-]*(?:sample|example)?[ \t]*{}"
_SAMPLE = re.compile(
    rf"{_HEADING.format('input')}(?:[ \t]*#?\d+)?[ \t:*_-]*\n(.*?){_HEADING.format('output')}",
    re.IGNORECASE | re.MULTILINE | re.DOTALL,
)


def example_calls(text: str, name: str, parameters: Sequence[str]) -> list[Arguments]:
    """The arguments with which a statement shows a function, in order, each once.

    Args:
        text: the statement, code and prose alike.
        name: the function's.
        parameters: the names of those that it must be given; none where they are not known.
    """
    found = [*_calls(text, {name}, parameters)]
    found += _settings(text, parameters)
    found += _bare_inputs(text, parameters) if not found else []
    found += _calls(text, None, parameters) if not found else []
    unique = {repr(arguments): arguments for arguments in found if len(arguments) >= max(1, len(parameters))}
    return list(unique.values())


def calls_in(text: str, names: set[str]) -> list[Arguments]:
    """The arguments of every call of one of these functions whose arguments are literals, in order."""
    return list(_calls(text, names, ()))


def sample_inputs(text: str) -> list[str]:
    """What a statement's sample runs read from standard input."""
    found = []
    for match in _SAMPLE.finditer(text):
        lines = [line.rstrip() for line in match[1].strip("\n").split("\n") if not line.strip().startswith("```")]
        body = "\n".join(lines).strip("\n")
        if body.strip() and not any(map(_is_prose, lines)):
            found.append(body + "\n")
    return list(dict.fromkeys(found))


def _is_prose(line: str) -> bool:
    """A sentence about the input, not an input."""
    return len(re.findall(r"[A-Za-z]{2,}", line)) > 4 and line.rstrip().endswith((".", ":", "$"))


def _calls(text: str, names: set[str] | None, parameters: Sequence[str]) -> Iterator[Arguments]:
    """Calls of these functions; with None, of any that looks like an example: a result is said to follow."""
    for match in _CALL.finditer(text):
        if text[max(0, match.start() - 6) : match.start()].rstrip().endswith(("def", "class")):
            continue
        if names is not None and match[1] not in names:
            continue
        node = _expression(text, match.start())
        if not isinstance(node, ast.Call):
            continue
        after = text[match.start() + len(_source(text, match.start())) :]
        if names is None and (hasattr(builtins, match[1]) or not node.args or not _RESULT.match(after)):
            continue
        arguments = _arguments(node, parameters)
        if arguments is not None:
            yield arguments


def _arguments(node: ast.Call, parameters: Sequence[str]) -> Arguments | None:
    """The call's arguments in the order of the parameters; None where they are not all literals."""
    try:
        values = [constant(argument) for argument in node.args]
        named = {word.arg: constant(word.value) for word in node.keywords}
    except _FAULTS:
        return None
    for parameter in parameters[len(values) :]:
        if parameter not in named:
            break
        values.append(named.pop(parameter))
    return None if named else tuple(values)


def _settings(text: str, parameters: Sequence[str]) -> Iterator[Arguments]:
    """Every parameter set to a value once more: `For s = "ab", c = "b" the result ...`, `grid : [[1]]`."""
    if not parameters:
        return
    names = "|".join(map(re.escape, parameters))
    values: dict[str, Any] = {}
    for match in re.finditer(rf"(?<![\w.\"'])({names})\s*[=:]\s*(?![=:])", text):
        value = _literal(text, match.end())
        if value is None:
            continue
        if match[1] == parameters[0]:
            values.clear()
        values[match[1]] = value[0]
        if len(values) == len(parameters):
            yield tuple(values[name] for name in parameters)
            values = {}


def _bare_inputs(text: str, parameters: Sequence[str]) -> Iterator[Arguments]:
    """`Input: 3`, for a function of one parameter; `Input: 3, 4` for one of two."""
    for match in _INPUT.finditer(text):
        try:
            value = constant(ast.parse(match[1].strip(), mode="eval").body)
        except _FAULTS:
            continue
        if len(parameters) == 1:
            yield (value,)
        elif isinstance(value, tuple) and len(value) == len(parameters):
            yield value


def _literal(text: str, start: int) -> tuple[Any] | None:
    """The literal that begins at a place, in a tuple; None where there is none."""
    match = re.compile(r"[-+]?[\w.]+").match(text, start)
    source = match[0].rstrip(".") if match else _source(text, start)
    try:
        return (constant(ast.parse(source, mode="eval").body),)
    except _FAULTS:
        return None


def _expression(text: str, start: int) -> ast.expr | None:
    try:
        return ast.parse(_source(text, start), mode="eval").body
    except _FAULTS:
        return None


def _source(text: str, start: int) -> str:
    """The text from a place to where its first bracket or its string is closed."""
    depth, quote, at = 0, "", start
    while at < min(len(text), start + _LONGEST):
        char = text[at]
        if quote:
            at += char == "\\"
            if char == quote:
                quote = ""
        elif char in "'\"":
            quote = char
        depth += 0 if quote else (char in "([{") - (char in ")]}")
        at += 1
        if not quote and not depth and (char in ")]}'\""):
            return text[start:at]
    return ""
