"""Statements that need no file: the embedded prompts and texts, and functions of Python's own standard library."""

from __future__ import annotations

import ast
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING, Literal

from selfdistill.embedded.problems import PROMPT_COUNT, json_prompts, prompts
from selfdistill.embedded.problems import texts as embedded_texts
from selfdistill.problems.statement import Statement

if TYPE_CHECKING:
    from selfdistill.problems.statement import Statement

_OUTSIDE = ("site-packages", "dist-packages", "test", "tests", "idlelib", "lib2to3", "turtledemo", "ensurepip")


def built_in_statements(source: str, *, texts: bool) -> Iterator[Statement]:
    """Rows of one of `recipe.prompt_sources.BUILT_IN`.

    Args:
        source: its name. `embedded` texts are buggy in three of ten; `-clean` and `-buggy` in none and in all;
            `-strings` and `-scalars` are of other families of tasks; `-json` has prompts for structured text, no texts.
        texts: whether the texts are wanted; without, `embedded` gives its prompts alone.
    """
    if source == "standard-library":
        return _standard_library()
    if source == "embedded-json":
        return _json_prompts()
    if source == "embedded" and not texts:
        return _prompts()
    return _texts(source.partition("-")[2])


def _prompts() -> Iterator[Statement]:
    return (Statement(statement, prompt_id=prompt_id) for prompt_id, statement in prompts())


def _json_prompts() -> Iterator[Statement]:
    return (Statement(text, prompt_id=prompt_id) for prompt_id, text in json_prompts(PROMPT_COUNT))


def _texts(variant: str) -> Iterator[Statement]:
    family: Literal["lists", "strings", "scalars"] = variant if variant in ("strings", "scalars") else "lists"  # type: ignore[assignment]
    buggy = {"clean": 0.0, "buggy": 1.0}.get(variant)
    for text in embedded_texts(family=family, buggy_share=buggy):
        yield Statement(text.prompt, prompt_id=text.prompt_id, continuation=text.program)


def _standard_library() -> Iterator[Statement]:
    """A function's header is the statement, its body the text; in the order of file names and lines."""
    root = Path(sysconfig.get_paths()["stdlib"])
    for path in sorted(root.rglob("*.py")):
        if any(part in _OUTSIDE for part in path.relative_to(root).parts):
            continue
        for line, header, body in _functions(path):
            name = f"{path.relative_to(root).as_posix()}:{line}"
            yield Statement(header, prompt_id=name, continuation=body)


def _functions(path: Path) -> Iterator[tuple[int, str, str]]:
    """(line, header up to the colon, the rest) of each function whose body begins on a line of its own."""
    try:
        source = path.read_text(encoding="utf-8")
        tree = ast.parse(source)
    except (SyntaxError, UnicodeDecodeError, ValueError):  # the library holds files that are broken on purpose
        return
    lines = source.splitlines()
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef) or node.body[0].lineno == node.lineno:
            continue
        whole = dedent("\n".join(lines[node.lineno - 1 : node.end_lineno]))
        header_lines = node.body[0].lineno - node.lineno
        header = "\n".join(whole.splitlines()[:header_lines]).rstrip()
        if header.endswith(":"):
            yield node.lineno, header, whole[len(header) :]
