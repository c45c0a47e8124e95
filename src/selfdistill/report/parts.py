"""The parts of summary.json beside systems and comparisons, each made in a module of its own.

Scores are fractions; an undefined one is null. docs/report.md describes the format.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NotRequired, TypedDict

from selfdistill.report.results import Estimated, JsonObject

if TYPE_CHECKING:
    from selfdistill.recipe.contamination import Kind


class ComparedScore(TypedDict):
    """Student and base on one group of problems."""

    student: float | None
    base: float | None
    difference: Estimated
    verdict: str


class Described(TypedDict):
    """Completions, whatever became of them: `measure.evaluated.Completions`."""

    count: int
    tokens: int
    truncated: int
    truncated_by_context: int
    distinct: int
    mean_logprob: float | None
    token_quantiles: list[int]
    truncated_share: float | None


class Ended(TypedDict):
    """Shares of answers that ended by themselves, at the default decodings."""

    base: float
    student: float
    difference: Estimated
    less_often: bool


class Endings(TypedDict):
    """How completions end."""

    limits: dict[str, int | None]
    """By recipe key."""
    ended: Ended | None
    sentences: list[str]


class RuleCounts(TypedDict):
    """One system's programs that can be taken from an answer in two ways, and how many pass under each."""

    name: str
    title: str
    model: str
    programs: int
    needed: int
    whole: int


class AnswerRules(TypedDict):
    """What the rule does by which a program is taken from an answer."""

    rule: str
    systems: list[RuleCounts]
    differ: bool
    sentences: list[str]


class ExampleSide(TypedDict):
    """One model's program."""

    outcome: str
    cut_off: bool
    program: str


class Example(TypedDict):
    """A problem with both models' programs."""

    category: str
    task_id: str
    difficulty: str | None
    statement: str
    base: ExampleSide
    student: ExampleSide


class Examples(TypedDict):
    """Programs side by side."""

    base: str
    student: str
    counts: dict[str, int]
    shown: list[Example]


class Overlap(TypedDict):
    """A text and a problem that overlap: `measure.contamination.records.Match`."""

    text_id: str
    task_id: str
    kind: Kind
    similarity: float
    shared: int
    evidence: str


class OverlapCount(TypedDict):
    """Of one kind."""

    texts: int
    problems: int


class Compared(TypedDict):
    """These texts with those of the benchmark."""

    texts: str
    against: str
    compared: int
    problems: int
    short: int
    boilerplate: int
    counts: dict[Kind, OverlapCount]


class ComparedWhole(Compared):
    """As contamination.json has it: `measure.contamination.records.Part`."""

    matches: list[Overlap]


class ComparedShown(Compared):
    """As the page shows it."""

    pairs: int
    shown: list[Overlap]
    """The strongest."""


class Without(TypedDict):
    """The headline's comparison without the problems that are touched."""

    kind: Kind
    problems: int
    removed: int
    scores: dict[str, ComparedScore]
    """By measure."""


class Contamination(TypedDict):
    """The contamination check."""

    benchmark: str
    settings: JsonObject
    sentences: list[str]
    parts: list[ComparedShown]
    without: list[Without]


class Measurement(TypedDict):
    """One model on one task."""

    value: float | None
    low: float | None
    high: float | None
    problems: NotRequired[int]


class TaskRow(TypedDict):
    """Base and student on one task at one decoding."""

    title: str
    score: str
    measure: str
    decoding: str
    base: Measurement
    student: Measurement
    gain: Estimated
    """More is better for the student."""
    verdict: str
    name: NotRequired[str]
    """The task's; absent for the one that was trained for."""


class Regressions(TypedDict):
    """What got worse."""

    sentences: list[str]
    trained: list[TaskRow]
    tasks: list[TaskRow]


class CostRow(TypedDict):
    """One row of the cost table."""

    stage: str
    seconds: float
    tokens: int | None
    tokens_per_second: float | None
    gpu_peak_bytes: int | None


class RunCost(TypedDict):
    """What the run cost."""

    stages: dict[str, JsonObject]
    table: list[CostRow]
    seconds: float


class LoggedStep(TypedDict):
    """One step of training."""

    step: int
    loss: float
    learning_rate: float


class TrainingLog(TypedDict):
    """Every step."""

    log: list[LoggedStep]


class Data(TypedDict):
    """Statistics of prompts, samples and training data; None for what the run directory does not have."""

    prompts: JsonObject | None
    samples: Described | None
    training: JsonObject | None


class Links(TypedDict):
    """Other pages of the run."""

    explain: str | None
