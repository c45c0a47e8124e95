"""Grade answers under the rule that is asked for, and under the other one where that runs another program.

So that a report can say what the rule does to a score. Identical programs are run once anyway, so most answers cost
no more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from selfdistill.grading.limits import Submission
from selfdistill.records import Answers, Outcome, Tests, Verdict

_ASKED, _OTHER = "asked ", "other "


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer to grade."""

    key: str
    """Comes back in the verdict."""
    program: str | None
    """Under the rule that is asked for; None: there was no code."""
    tests: Tests
    rule: Answers | None = None
    """That rule; None where there is but one way to take a program from the answer."""
    other: str | None = None
    """The program under the other rule, where it is another one."""


def grade_answers(
    answers: Iterable[Answer], grade: Callable[[Iterator[Submission]], Iterator[Verdict]]
) -> Iterator[Verdict]:
    """One verdict an answer, in no fixed order; `Verdict.other` says what the other rule gives.

    Args:
        answers: read lazily.
        grade: the grader, with its settings.
    """
    waiting: dict[str, dict[str, Verdict]] = {}
    rules: dict[str, Answers | None] = {}

    def submissions() -> Iterator[Submission]:
        for answer in answers:
            rules[answer.key] = answer.rule
            if answer.other is not None:
                waiting[answer.key] = {}
                yield Submission(_OTHER + answer.key, answer.other, answer.tests)
            yield Submission(_ASKED + answer.key, answer.program, answer.tests)

    for verdict in grade(submissions()):
        which, key = verdict.key[: len(_ASKED)], verdict.key[len(_ASKED) :]
        pair = waiting.get(key)
        if pair is not None:
            pair[which] = verdict
            if len(pair) < 2:
                continue
            del waiting[key]
            verdict = pair[_ASKED]
        other: Outcome | None = pair[_OTHER].outcome if pair else None
        yield replace(verdict, key=key, answers=rules.pop(key), other=other)
