"""Where a thinking model's answer begins. A thought that was opened and never closed is no answer.

Tags of Qwen3 and DeepSeek (`<think>`), Magistral (`[THINK]`), Seed-OSS, and the channels of gpt-oss (its final
channel is the answer). The template may open the thought itself; `Prompt.answer_start` then stands before the
completion's text.
"""

from __future__ import annotations

import re

from selfdistill.problems.programs.fences import Block, blocks, in_a_block

_TAGS = {
    "<think>": "</think>",
    "<thinking>": "</thinking>",
    "<thought>": "</thought>",
    "<reasoning>": "</reasoning>",
    "[THINK]": "[/THINK]",
    "<seed:think>": "</seed:think>",
    "<|begin_of_thought|>": "<|end_of_thought|>",
}
_TAG = "|".join(map(re.escape, _TAGS))
_OPENING = re.compile(rf"^[ \t]*({_TAG})", re.IGNORECASE | re.MULTILINE)
_OPENING_HERE = re.compile(rf"(?:\s*\n)?[ \t]*({_TAG})", re.IGNORECASE)
_CLOSING_OF = {one.lower(): re.compile(re.escape(other), re.IGNORECASE) for one, other in _TAGS.items()}
_CHANNEL = re.compile(r"<\|channel\|>\s*+(\w++)[^<]*+<\|message\|>")  # in one way only, so in linear time
_CLOSING = re.compile(r"^(?P<before>.*)</think>(?P<after>.*)$", re.MULTILINE)
_MOST = 16
"""Thoughts of one answer; a text with more of them is none."""
SPECIAL_MARKS = (*_TAGS, *_TAGS.values(), "<|channel|>", "<|message|>")
"""Marks that a tokenizer may count among its special tokens; they stay in a completion's text."""


def opened_thought(prompt: str) -> str:
    """The thought that a rendered prompt opens at its end, with the white space after it; empty if it opens none."""
    stripped = prompt.rstrip()
    return next((prompt[len(stripped) - len(tag) :] for tag in _TAGS if stripped.endswith(tag)), "")


def without_thought(text: str) -> str | None:
    """What follows the thought, or the text itself where there is none; None where the thought does not end.

    A thought begins where the text does. Its end is the first closing tag: a later one belongs to the answer. Other
    people's files may lack the opening tag, which a template wrote. There a `</think>` on a line of its own ends the
    thought, and one at the beginning or the end of a line does where it is outside of code; the last such counts.
    """
    if text.lstrip().startswith("<|channel|>"):
        channels = list(_CHANNEL.finditer(text))
        return text[channels[-1].end() :] if channels and channels[-1][1] == "final" else None
    start = count = 0
    while (opening := _next_opening(text, start)) is not None:
        closing = _CLOSING_OF[opening[1].lower()].search(text, opening.end())
        if closing is None or count == _MOST:
            return None
        start, count = closing.end(), count + 1
    if start:
        return text[start:]
    end = _last_end(text)
    return text if end is None else text[end.start("after") :]


def _next_opening(text: str, start: int) -> re.Match[str] | None:
    """The first opening tag from `start` on that is first of all, or at the beginning of a line and outside of code."""
    first = _OPENING_HERE.match(text, start)
    if first is not None:
        return first
    code = blocks(text, start)
    block = next(code, None)
    for opening in _OPENING.finditer(text, start):
        while block is not None and block.end <= opening.start():
            block = next(code, None)
        if block is None or opening.start() < block.start:
            return opening
    return None


def _last_end(text: str) -> re.Match[str] | None:
    """The last closing tag that ends a thought whose opening tag is not in the text."""
    code: list[Block] | None = None
    for closing in reversed(list(_CLOSING.finditer(text))):
        before, after = closing["before"].strip(), closing["after"].strip()
        if not before and not after:
            return closing
        if not (before and after):
            code = list(blocks(text)) if code is None else code
            if not in_a_block(code, closing.start()):
                return closing
    return None
