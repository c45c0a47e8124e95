"""From what a model wrote to a program that can be run. Finds text; never parses or runs it."""

from __future__ import annotations

import re

from selfdistill.records import PredictionTests, Problem

_FENCE = re.compile(r"^[ \t]{0,3}(`{3,}|~{3,})([^\n`]*)$", re.MULTILINE)
_ANSWER_TAG = re.compile(r"\[ANSWER\](.*?)(?:\[/ANSWER\]|\Z)", re.DOTALL)


def extract_code(text: str) -> str | None:
    """The code of a chat answer: its last fenced block.

    - What a thinking model wrote before its last `</think>` is not part of the answer. A `<think>` that is never closed
      means that there is no answer.
    - A block is what stands between a line of at least three backticks or tildes, with or without a language, and the
      next line of at least as many of them and nothing else. The last closed block counts, whatever its language, as in
      LiveCodeBench.
    - A block that is never closed counts only where there is no closed one: the answer was cut off.

    Returns:
        the code without its fences, or None if the answer holds no block.
    """
    _thoughts, closed, answer = text.rpartition("</think>")
    if not closed and "<think>" in text:
        return None
    closed_block, open_block = _blocks(answer)
    return open_block if closed_block is None else closed_block


def _blocks(text: str) -> tuple[str | None, str | None]:
    """The last closed block, and a block that is still open at the end."""
    last: str | None = None
    opening: re.Match[str] | None = None
    for fence in _FENCE.finditer(text):
        if opening is None:
            opening = fence
        elif fence[1].startswith(opening[1]) and not fence[2].strip():
            last = text[opening.end() + 1 : fence.start()]
            opening = None
    return last, text[opening.end() + 1 :] if opening is not None else None


def assemble_program(problem: Problem, completion_text: str, *, chat: bool) -> str | None:
    """A whole program (for CRUXEval: the answer's expression) from what a model wrote; None if it holds none.

    Args:
        completion_text: a chat answer, or a raw continuation of the problem's `program_prefix`.
        chat: which of the two. A chat answer's program stands alone, but what its prompt had imported or defined
            before the function (`metadata["preamble"]`) stands before it, as models leave that out.
    """
    if isinstance(problem.tests, PredictionTests):
        return _expression(problem.tests, completion_text, chat=chat)
    if not chat:
        return problem.program_prefix + completion_text
    code = extract_code(completion_text)
    if code is None:
        return None
    preamble = problem.metadata.get("preamble", "")
    return code if not preamble or "from __future__" in code else f"{preamble}\n{code}"


def _expression(tests: PredictionTests, text: str, *, chat: bool) -> str | None:
    """CRUXEval's forms: `[ANSWER]` tags, a fenced block, or the text; `assert f(...) == ...` or one side of it."""
    if chat:
        tagged = _ANSWER_TAG.findall(text.rpartition("</think>")[2])
        answer = tagged[-1] if tagged else extract_code(text)
        if answer is None:
            return None
    else:
        answer = _ANSWER_TAG.findall(text)[-1] if "[ANSWER]" in text else text
    answer = answer.strip().removeprefix("assert ").strip()
    if tests.target == "output":
        before, equals, after = answer.partition("==")
        return after.strip() if equals and before.strip().startswith("f(") else answer or None
    if answer.startswith("f("):
        call = answer.rpartition("==")[0].strip() if "==" in answer else answer
        return call.removeprefix("f(").removesuffix(")").strip()
    return answer or None
