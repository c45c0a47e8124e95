"""What a run's comparisons beside its evaluation hold: decoding-baselines.json and agreement.json.

Made in `studies`, read by the summary, its charts and the commands. Scores are fractions.
"""

from __future__ import annotations

from typing import NotRequired, TypedDict

from selfdistill.report.results import Estimated, JsonObject


class BaselineSide(TypedDict):
    """One model under one family's chosen setting."""

    decoding: str
    stages: NotRequired[list[JsonObject]]
    validation: NotRequired[float | None]
    test: Estimated


class BaselineDifference(Estimated):
    """A paired difference; `above_zero` counts seeds, where several are pooled."""

    above_zero: NotRequired[int]


class BaselineRow(TypedDict):
    """One family of decodings, by one measure."""

    measure: str
    family: str
    base: BaselineSide
    student: BaselineSide
    differences: dict[str, BaselineDifference]


class BaselineSystem(TypedDict):
    """A system's mean scores."""

    name: str
    title: str
    scores: dict[str, float | None]


class BaselineSet(TypedDict):
    """The problems of one side of the comparison."""

    problems: int
    systems: NotRequired[list[BaselineSystem]]


class Baselines(TypedDict):
    """decoding-baselines.json, or several pooled."""

    measures: list[str]
    families: list[str]
    validation: BaselineSet
    test: BaselineSet
    rows: list[BaselineRow]
    seed: NotRequired[int]
    seeds: NotRequired[list[int]]
    """Of several pooled."""
    format: NotRequired[int]
    intervals: NotRequired[JsonObject]
    answers: NotRequired[list[str]]


class Sure(TypedDict):
    """Problems of which enough answers agree, and the share that is right there."""

    problems: int
    value: float | None


class AgreementRow(TypedDict):
    """One system, one of whose answers is chosen by agreement."""

    system: str
    title: str
    model: str
    agreement: Estimated
    rivals: dict[str, Estimated]
    differences: dict[str, Estimated]
    with_inputs: int
    sure: Sure
    programs: int
    seconds: float


class ChosenByAgreement(TypedDict):
    """agreement.json."""

    format: int
    seed: int
    samples: int
    problems: int
    inputs: list[str]
    sure_share: float
    intervals: JsonObject
    rows: list[AgreementRow]
    answers: NotRequired[list[str]]
