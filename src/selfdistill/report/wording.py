"""The words of the answer: of a run, whose student is what training made of the base, or of two models as they are.

Only what says where the student comes from differs; what counts as better is decided in `answer.py`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Words:
    """Sentences. In braces: `measure`, `base` and `student` (scores), `judged`."""

    raised: str
    lowered: str
    same: str
    untold: str
    """Begins with how many `problems` there are."""
    better_decoded: str = "Decoding the base better does more."
    not_shown: str = "It does not measurably beat the base’s best decoding."
    open_question: str = "That the student is more than a better decoding of the base is not shown."
    beyond: str = "No decoding that was tried gives the base what the student has."
    behind: str = "On this evidence a better decoding of the base does more than the student."
    last: str = "{measure}, the chance that one of several tries is right: base {base}, student {student}, {judged}."
    by_difficulty: str = "By difficulty, {measure} differs by {parts}."


def of_run(subject: str) -> Words:
    """Of a run.

    Args:
        subject: what raised or lowered the score (`claims.subject`).
    """
    return Words(
        raised=f"{subject} raised {{measure}} from {{base}} to {{student}}.",
        lowered=f"{subject} lowered {{measure}} from {{base}} to {{student}}.",
        same="No measurable change in {measure}: {base} before training, {student} after.",
        untold="Nothing can be told about {measure} from {problems}: {base} before training, {student} after.",
        better_decoded="Decoding the base better does more, without any training.",
        not_shown="It does not measurably beat the base’s best decoding, which needs no training.",
        open_question="That training does more than a better decoding of the base is not shown.",
        beyond="No decoding that was tried gives the base what training gave the student.",
        behind="On this evidence the base is better decoded than trained.",
        last="{measure}, the chance that one of several tries is right, went from {base} to {student}: {judged}.",
        by_difficulty="By difficulty, {measure} changed by {parts}.",
    )


OF_TWO = Words(
    raised="The student scores higher in {measure} than the base: {student} against {base}.",
    lowered="The student scores lower in {measure} than the base: {student} against {base}.",
    same="No measurable difference in {measure}: base {base}, student {student}.",
    untold="Nothing can be told about {measure} from {problems}: base {base}, student {student}.",
)
"""Of two models that were there already; the defaults are theirs."""
