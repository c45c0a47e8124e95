"""Where a thinking model's answer begins. A thought that was opened and never closed is no answer.

Tags of Qwen3 and DeepSeek (`<think>`), Magistral (`[THINK]`), Seed-OSS, and the channels of gpt-oss (its final
channel is the answer). The template may open the thought itself; `Prompt.answer_start` then stands before the
completion's text.
"""

from __future__ import annotations

import re

from selfdistill.problems.programs.fences import blocks

_TAGS = {
    "<think>": "</think>",
    "<thinking>": "</thinking>",
    "<thought>": "</thought>",
    "<reasoning>": "</reasoning>",
    "[THINK]": "[/THINK]",
    "<seed:think>": "</seed:think>",
    "<|begin_of_thought|>": "<|end_of_thought|>",
}
_OPENING = re.compile(rf"^[ \t]*({'|'.join(map(re.escape, _TAGS))})", re.IGNORECASE | re.MULTILINE)
_CLOSING_OF = {opening.lower(): closing for opening, closing in _TAGS.items()}
_CHANNEL = re.compile(r"<\|channel\|>\s*(\w+)[^<]*<\|message\|>")
_CLOSING = re.compile(r"^(?P<before>.*)</think>(?P<after>.*)$", re.MULTILINE)
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
    found = False
    while (opening := _next_opening(text)) is not None:
        closing = re.compile(re.escape(_CLOSING_OF[opening[1].lower()]), re.IGNORECASE).search(text, opening.end())
        if closing is None:
            return None
        text, found = text[closing.end() :], True
    ends = [] if found else [match for match in _CLOSING.finditer(text) if _ends_thought(match, text)]
    return text[ends[-1].start("after") :] if ends else text


def _next_opening(text: str) -> re.Match[str] | None:
    """The first opening tag at the beginning of a line and outside of code."""
    code = None
    for opening in _OPENING.finditer(text):
        if not text[: opening.start()].strip():
            return opening
        code = blocks(text) if code is None else code
        if not any(block.start <= opening.start() < block.end for block in code):
            return opening
    return None


def _ends_thought(closing: re.Match[str], text: str) -> bool:
    before, after = closing["before"].strip(), closing["after"].strip()
    if not before and not after:
        return True
    in_code = any(block.start <= closing.start() < block.end for block in blocks(text))
    return not in_code and not (before and after)
