"""From what a model wrote to a program that can be run. Finds and cuts text; runs nothing."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from selfdistill.grading.answers import Answer
from selfdistill.grading.limits import Rules
from selfdistill.problems.programs.fences import blocks
from selfdistill.problems.programs.needed import needed_program
from selfdistill.problems.programs.thoughts import without_thought
from selfdistill.problems.programs.used_names import used_names
from selfdistill.records import Answers, PredictionTests, Problem

_FUTURE = re.compile(r"^from __future__ import .*\n?", re.MULTILINE)
_ANSWER_TAG = re.compile(r"\[ANSWER\](.*?)(?:\[/ANSWER\]|\Z)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Programs:
    """The programs of one answer under both rules; the same where a rule changes nothing, None where there is none."""

    needed: str | None
    """What the tested functions need: `needed.py`."""
    whole: str | None
    """All of the code."""

    def under(self, rule: Answers) -> str | None:
        """The program of one rule."""
        return self.needed if rule == "needed" else self.whole


def extract_code(text: str, defining: Collection[str] = ()) -> str | None:
    """The code of a chat answer: its last fenced block.

    - What a thinking model wrote before its answer does not count; a thought that never ends means that there is no
      answer (`thoughts.py`).
    - The last closed block counts, whatever its language, as in LiveCodeBench: the last that defines one of the names
      asked for, if any does, because usage and output often follow. See `fences.py` for what a block is.
    - A block that is never closed counts only where no closed one will do: the answer was cut off.

    Args:
        text: the whole answer.
        defining: names that the tests use.

    Returns:
        the code without its fences, or None if the answer holds none.
    """
    answer = without_thought(text)
    found = [block for block in blocks(answer or "") if block.code.strip()]
    for wanted in (True, False):
        for closed in (True, False):
            for block in reversed(found):
                if block.closed is closed and (not wanted or _defines(block.code, defining)):
                    return block.code
    return None


def _defines(code: str, names: Collection[str]) -> bool:
    """Whether a line of the code looks like a definition of one of these; the code need not parse."""
    if not names:
        return False
    either = "|".join(map(re.escape, names))
    return bool(
        re.search(rf"^[ \t]*(?:(?:async[ \t]+)?def|class)[ \t]+(?:{either})\b|^(?:{either})[ \t]*=", code, re.M)
    )


def programs_of(problem: Problem, text: str, *, chat: bool) -> Programs:
    """Whole programs (for CRUXEval: the answer's expression) from what a model wrote.

    Args:
        problem: its tests say which names are used.
        text: a chat answer, or a raw continuation of the problem's `program_prefix`.
        chat: which of the two. A chat answer's program stands alone, but what its prompt had imported or defined
            before the function (`metadata["preamble"]`) stands before it, as models leave that out.
    """
    if isinstance(problem.tests, PredictionTests):
        expression = _expression(problem.tests, text, chat=chat)
        return Programs(expression, expression)
    names = used_names(problem.tests)
    given = problem.metadata.get("preamble", "") if chat else problem.program_prefix
    if chat:
        code = extract_code(text, names)
        if code is None:
            return Programs(None, None)
        given, code = _future_first(f"{given}\n", code) if given else ("", code)
    elif not text.strip():
        return Programs(None, None)
    else:
        code = text
    whole = given + code
    return Programs(needed_program(whole, names, given_lines=given.count("\n")) if names else whole, whole)


def _future_first(given: str, code: str) -> tuple[str, str]:
    """What stands before an answer, and the answer, whose `from __future__` lines may stand nowhere but on top.

    They move there where what stands before has such a line itself; else an answer with one stands alone.
    """
    if "from __future__" not in code:
        return given, code
    if "from __future__" not in given:
        return "", code
    return given, _FUTURE.sub("", code)


def assemble_program(problem: Problem, text: str, *, chat: bool) -> str | None:
    """All of the code that a model wrote, as a program, or None: `programs_of`, whole."""
    return programs_of(problem, text, chat=chat).whole


def answer_of(problem: Problem, text: str, key: str, *, chat: bool, answers: Answers, rules: Rules) -> Answer:
    """What a model wrote, ready to be graded.

    Args:
        problem, text, chat: see `programs_of`.
        key: the verdict's.
        answers: the rule that is asked for.
        rules: under `livecodebench` an answer is always run whole, as the official harness does.
    """
    programs = programs_of(problem, text, chat=chat)
    if rules == "livecodebench" or not used_names(problem.tests):
        return Answer(key, programs.whole, problem.tests)
    other = programs.under("whole" if answers == "needed" else "needed")
    program = programs.under(answers)
    return Answer(key, program, problem.tests, answers, None if other == program else other)


def _expression(tests: PredictionTests, text: str, *, chat: bool) -> str | None:
    """CRUXEval's forms: `[ANSWER]` tags, a fenced block, or the text; `assert f(...) == ...` or one side of it."""
    if chat:
        tagged = _ANSWER_TAG.findall(without_thought(text) or "")
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
