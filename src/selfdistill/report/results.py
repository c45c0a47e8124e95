"""What studies find, as their JSON files hold it: made in `studies`, read by the pages and charts.

Scores are fractions; a difference is the first named minus the second.
"""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict

JsonObject = dict[str, Any]
"""Another file, as it was read: a recipe, a manifest, counts."""


class Interval(TypedDict):
    """A mean over problems with its 95 % interval."""

    value: float
    low: float
    high: float


class Estimated(TypedDict):
    """The same where it may be undefined, with the number of problems that have a score."""

    value: float | None
    low: float | None
    high: float | None
    problems: int


class OverSeeds(Interval):
    """A mean over seeds and problems; the interval resamples problems."""

    problems: int
    seeds: list[float]
    """Each seed's own value."""
    above_zero: int
    """Seeds whose whole interval is above zero."""
    positive: int
    """Seeds whose value is."""


ByMeasure = dict[str, OverSeeds]
"""By measure: "pass@1"."""


class Study(TypedDict):
    """What every study says of itself."""

    name: str
    """The recipe's."""
    problems: int
    measures: list[str]


class BaseRow(TypedDict):
    """The base at one temperature of a sweep; 0 is greedy."""

    t_eval: float
    scores: ByMeasure


class Place(TypedDict):
    """One setting of a grid."""

    t_train: float
    truncation: str
    t_eval: float


class SweepPoint(Place):
    """A trained student's scores at one setting."""

    t_eff: float
    scores: ByMeasure
    minus_base_at_t_eval: ByMeasure
    minus_base_best: ByMeasure


class Fit(TypedDict):
    """A parabola of the score against T_eff."""

    coefficients: list[float]
    """Highest power first."""
    r_squared: float | None
    peak: float | None


class Sweep(Study):
    """sweep.json."""

    seeds: list[int]
    base: list[BaseRow]
    points: list[SweepPoint]
    fits: dict[str, dict[str, Fit | None]]
    """By truncation, then measure; None where there are too few temperatures."""


class Compute(TypedDict):
    """Of making the samples that are trained on, and of training; a mean over seeds."""

    flops: float
    sampling_seconds: float
    training_seconds: float
    seconds: float


class CurvePoint(Compute):
    """What one variant gains from one number of training sequences."""

    variant: str
    sequences: int
    kept: float
    """Sequences that were trained on, a mean over seeds."""
    scores: ByMeasure
    gain: ByMeasure
    greedy_gain: NotRequired[ByMeasure]


class Curve(Study):
    """curve.json."""

    seeds: list[int]
    base: ByMeasure
    points: list[CurvePoint]


class Watched(TypedDict):
    """How varied a model's programs are, and how certain it is; a mean over seeds."""

    distinct_programs: float
    entropy: float
    kept_mass: float


class Round(Watched):
    """One round's student; the first base is round 0."""

    round: int
    scores: ByMeasure
    minus_base: ByMeasure | None


class Rounds(Study):
    """rounds.json."""

    settings: JsonObject
    """The recipe's `rounds`."""
    seeds: int
    rounds: list[Round]


class Cost(TypedDict):
    """Means over seeds."""

    sequences: float
    sampling_seconds: float
    training_seconds: float


class Best(TypedDict):
    """A student's best decoding for a measure against the base's."""

    title: str
    score: OverSeeds
    minus_base_best: OverSeeds


class TitledScore(OverSeeds):
    """A decoding's score."""

    title: str


class PreviewPoint(Place):
    """An ideally fitted student's scores at one setting."""

    top_k: int
    top_p: float
    t_eff: float
    effective: dict[str, float]
    """By measure: the share of the draws that, in effect, speak for the estimate."""
    trusted: dict[str, bool]
    scores: dict[str, Interval]


class Preview(Study):
    """preview.json."""

    seed: int
    proposals: list[str]
    programs: int
    seconds: float
    greedy: dict[str, Interval]
    points: list[PreviewPoint]


class Behind(Place):
    """A setting that cannot be told from the highest."""

    behind: Interval


class ScoredPlace(Place):
    """A trained setting."""

    score: OverSeeds


class ComparedPlace(Place):
    """A setting that was previewed and trained."""

    previewed: float
    trained: OverSeeds


class GreedyRegret(TypedDict):
    """Of the recommended student decoded greedily."""

    score: OverSeeds
    regret: OverSeeds


class RankCorrelation(Interval):
    """Spearman's."""

    settings: int


class Regret(TypedDict):
    """Advice against trained students; `studies/regret.py` says what each is."""

    sweep: str
    seeds: list[int]
    problems: int
    settings: int
    recommended: OverSeeds
    best: ScoredPlace
    regret: OverSeeds
    regret_across_seeds: OverSeeds | None
    best_compared: ScoredPlace
    regret_compared: OverSeeds
    greedy: GreedyRegret | None
    random: float
    rank_correlation: RankCorrelation | None
    points: list[ComparedPlace]
    cost: dict[str, float]


class RuleOfThumb(TypedDict):
    """Whether T_train * T_eval is high enough."""

    t_eff: float
    kept: bool


class PaperSetting(TypedDict):
    """The paper's, from a built-in recipe."""

    recipe: str
    sampling: str
    student: str
    t_eff: float


class Advice(TypedDict):
    """advice.json."""

    measure: str
    recommended: PreviewPoint
    highest: PreviewPoint
    chance_of_being_best: float
    cannot_be_told_from_it: list[Behind]
    greedy: Interval | None
    rule_of_thumb: RuleOfThumb
    paper: list[PaperSetting]
    left_out: int
    """Settings whose estimate cannot be trusted."""
    against: NotRequired[Regret]
