"""Blocks of code in Markdown as models write it, which is more than CommonMark allows.

A fence is three or more backticks or tildes. It opens a block at the beginning of a line, in a list item or a
quotation, or at the end of a line of prose ("Here it is: ```python"); prose may follow a closing fence on its line
("``` This works"). Both happen in real answers, and LiveCodeBench, which takes every line with three backticks for a
fence, reads them too.

A text is whatever a model wrote, and read in the grader's own process: in time that grows with its length, no faster.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_MARKERS = r"(?:[ \t]*>)*[ \t]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)*"
_OPENING = re.compile(rf"(?P<markers>{_MARKERS})(?P<fence>`{{3,}}|~{{3,}})(?P<info>[^`\n]*)$")
_OPENING_AFTER_PROSE = re.compile(r"(?P<markers>[^`\n]*[^`\s])[ \t]*(?P<fence>`{3,})[ \t]*(?P<info>[\w+#.-]*)[ \t]*$")
_CLOSING = re.compile(r"(?P<markers>(?:[ \t]*>)*[ \t]*)(?P<fence>`{3,}|~{3,})(?P<rest>[^`\n]*)$")
_LANGUAGE = re.compile(r"[\w+#.-]+[ \t]*$|[ \t]+(?:python3?|py)[ \t]*$")
_SLACK = 3
"""Blanks by which a closing fence may stand further in than the opening one, as in CommonMark."""


@dataclass(frozen=True, slots=True)
class Block:
    """One block of code."""

    start: int
    """Where its first line begins in the text."""
    end: int
    """Where its closing fence's line begins, or the end of the text."""
    code: str
    """Its lines, without what a list item or a quotation puts before them."""
    closed: bool


@dataclass(frozen=True, slots=True)
class _Open:
    fence: str
    column: int
    """Characters before the fence, or before the prose before it."""
    prose: bool
    quoted: bool
    start: int


def blocks(text: str, start: int = 0) -> Iterator[Block]:
    """The blocks of a text from `start` on, in order; only the last can be open. Reads no further than it is asked."""
    opened: _Open | None = None
    for begin, end, line in _lines(text, start):
        if opened is None:
            opened = _opening(line, end)
            continue
        closing = _closing(line, opened)
        if closing is None:
            continue
        yield _block(text, opened, begin, closed=True)
        # A fence with a language does not close: the block before it was left open, and the next one begins.
        opened = _opening(line, end) if _LANGUAGE.match(closing) else None
    if opened is not None:
        yield _block(text, opened, len(text), closed=False)


def in_a_block(found: Sequence[Block], position: int) -> bool:
    """Whether a place in the text lies within one of its blocks, which are in order."""
    before = bisect_right(found, position, key=lambda block: block.start)
    return before > 0 and position < found[before - 1].end


def _lines(text: str, start: int) -> Iterator[tuple[int, int, str]]:
    """Where each line begins, where the next one does, and the line."""
    while start <= len(text):
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        yield start, end + 1, text[start:end].removesuffix("\r")
        start = end + 1


def _opening(line: str, code_start: int) -> _Open | None:
    match = _OPENING.match(line)
    prose = match is None
    if match is None:
        match = _OPENING_AFTER_PROSE.match(line)
    if match is None:
        return None
    before = match["markers"]
    markers = re.match(_MARKERS, before)
    column = markers.end() if prose and markers else len(before)
    return _Open(match["fence"], column, prose, ">" in before[:column], code_start)


def _closing(line: str, opened: _Open) -> str | None:
    """What follows the fence on a line that ends the block, or None."""
    match = _CLOSING.match(line)
    if match is None or not match["fence"].startswith(opened.fence):
        return None
    return match["rest"] if len(match["markers"]) <= opened.column + _SLACK else None


def _block(text: str, opened: _Open, end: int, *, closed: bool) -> Block:
    code = text[min(opened.start, end) : end]
    if not closed:
        code = _without_fence_at_the_end(code, opened.fence)
    if opened.column or opened.prose:
        code = "\n".join(_without_indent(code.split("\n"), opened))
    return Block(opened.start, end, code, closed)


def _without_indent(lines: list[str], opened: _Open) -> list[str]:
    """The lines without what the list item or the quotation around them puts before each."""
    if opened.quoted:
        return [re.sub(r"^[ \t]*(?:>[ \t]?)+", "", line) for line in lines]
    # The code may begin at the margin all the same, or after prose where the item's text does.
    first = next((_indent(line) for line in lines if line.strip()), 0)
    width = first if opened.prose else min(opened.column, first)
    return [line[min(width, _indent(line)) :] for line in lines]


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" \t"))


def _without_fence_at_the_end(code: str, fence: str) -> str:
    """An open block's code may have its closing fence at the end of its last line: `return x` and then the
    backticks."""
    for start, _end, line in _lines(code, 0):
        before = line.rstrip(" \t")
        if before.endswith(fence) and before.removesuffix(fence).replace("`", "").strip():
            return f"{code[: start + len(before) - len(fence)]}\n"
    return code
