"""What arms.json and method-baselines.json hold: made in `studies.arm_table`, read by their page.

Scores are fractions; a difference is the first named minus the second.
"""

from __future__ import annotations

from typing import TypedDict

from selfdistill.report.results import Best, ByMeasure, Cost, Study, TitledScore


class StudentScores(TypedDict):
    """An arm's student, beside the base."""

    scores: ByMeasure
    gain: ByMeasure
    greedy_gain: ByMeasure | None
    best: dict[str, Best]
    """By measure."""
    minus_reference: ByMeasure | None
    """None for the reference itself, and where it has not run all of the arm's seeds."""


class ArmScores(TypedDict):
    """The scores of all arms on some problems."""

    base: ByMeasure
    base_greedy: ByMeasure | None
    base_best: dict[str, TitledScore]
    """By measure."""
    students: dict[str, StudentScores]
    """By arm."""


class SetScores(ArmScores):
    """On one set of the problems."""

    problems: int


class ArmRow(Cost):
    """What an arm is, and what it costs."""

    arm: str
    title: str
    needs: str
    seeds: list[int]
    distinct_programs: float
    """The student's at its default decoding, as a share of all, prompt by prompt; a mean over seeds."""


class Arms(Study, ArmScores):
    """arms.json and method-baselines.json."""

    reference: str
    """Title of the arm that the others are compared with."""
    sets: dict[str, SetScores]
    """By set, where there is more than one."""
    arms: list[ArmRow]
