"""What summary.json says of systems and comparisons, as the JSON has it: made in `summary`, read by words and charts.

Scores are fractions; an undefined one is null. docs/report.md describes the format.
"""

from __future__ import annotations

from typing import NotRequired, TypedDict

from selfdistill.report.compared import Baselines, ChosenByAgreement
from selfdistill.report.parts import (
    AnswerRules,
    ComparedScore,
    Contamination,
    Data,
    Described,
    Endings,
    Examples,
    Links,
    Regressions,
    RunCost,
    TrainingLog,
)
from selfdistill.report.results import Estimated, JsonObject


class ComparisonRow(TypedDict):
    """The student under one decoding, held against the base under one."""

    kind: str
    picked_by: str
    """The measure by which the decodings were chosen; "" where none were."""
    title: str
    chosen: str
    """How the two sides were chosen."""
    student: str
    student_title: str
    base: str
    base_title: str
    scores: dict[str, dict[str, ComparedScore]]
    """By measure and group."""


class LineupRow(TypedDict):
    """One of the few systems that the bars show."""

    label: str
    kind: str
    system: str


class OutcomeShare(TypedDict):
    """How often programs ended so, of all programs."""

    kind: str
    base: float
    student: float


class SystemRow(TypedDict):
    """A model under a decoding."""

    name: str
    title: str
    model: str
    roles: list[str]
    stages: list[JsonObject]
    scores: dict[str, dict[str, Estimated]]
    """By measure and group."""
    outcomes: dict[str, int]
    exceptions: dict[str, int]
    completions: Described


class Answer(TypedDict):
    """The answer in words."""

    verdict: str | None
    headline: list[str]
    sentences: list[str]


class Frontier(TypedDict):
    """Who beats whom on the first and the last measure, by point estimates."""

    base_points: int
    base_beaten: int
    base_unbeaten: list[str]
    student_points: int
    student_beaten: int
    outside: bool
    inside: bool
    shown: NotRequired[str | None]
    """What the intervals show: `outside`, `inside` or neither."""


class Summary(TypedDict):
    """summary.json."""

    format: int
    name: str
    compared: JsonObject | None
    """The two models, where none of them was trained here."""
    answer: Answer
    measures: list[str]
    groups: dict[str, int]
    intervals: JsonObject
    comparisons: list[ComparisonRow]
    lineup: list[LineupRow]
    systems: list[SystemRow]
    frontier: Frontier | None
    endings: Endings
    rules: AnswerRules | None
    outcomes: list[OutcomeShare] | None
    examples: Examples | None
    data: Data
    contamination: Contamination | None
    decoding_baselines: Baselines | None
    agreement: ChosenByAgreement | None
    regressions: Regressions | None
    training: TrainingLog
    recipe: JsonObject
    links: Links
    provenance: JsonObject
    cost: RunCost
    unchecked: list[str]
