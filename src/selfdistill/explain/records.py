"""What `explain` finds, as frozen records that go to JSON as they are.

Probabilities are shares (0 to 1), entropies and divergences are in nats, NaN (null in JSON) is undefined. "Own" means
a model's own distribution, T = 1 and untruncated; q_s is the base's distribution under the sampling decoding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from selfdistill.explain.kinds import Kind
from selfdistill.records import Prompt, Sample

ModelName = Literal["base", "student"]
MODELS: tuple[ModelName, ...] = ("base", "student")


@dataclass(frozen=True, slots=True)
class Graded:
    """A program of the evaluation with its verdict."""

    model: ModelName
    """Who wrote it."""
    sample: Sample
    passed: bool
    outcome: str
    """`Outcome` in words."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One token at one position."""

    text: str
    base: float
    """The base's own probability."""
    student: float
    """The student's own probability."""
    target: float
    """Its probability in q_s; 0 where the sampling decoding cuts it."""
    drawn: bool
    """Whether the program went on with it."""


@dataclass(frozen=True, slots=True)
class Position:
    """One token of a program, with what could have stood there."""

    offset: int
    """Place in the completion, from 0."""
    text: str
    kind: Kind
    effective: float
    """Effective tokens of q_s."""
    support: int
    """Tokens that q_s retains."""
    base_kept: float
    """KeptMass of the base: its own mass on the retained support."""
    student_kept: float
    base_entropy: float
    """Of the base's own distribution."""
    student_entropy: float
    fit: float
    """KL(q_s || student): 0 is the ideal fit."""
    moved: float
    """Total variation between base and student, own distributions: 0 to 1."""
    choices: tuple[Choice, ...]
    """The likeliest of either model and the drawn one, by falling probability of the base."""


@dataclass(frozen=True, slots=True)
class Program:
    """One program, token by token."""

    prompt: Prompt
    sample_index: int
    origin: str
    """Where it comes from: "sampled from the base", "written by the student: wrong answer"."""
    positions: tuple[Position, ...]
    tokens: int
    """Of the whole completion; `positions` may stop earlier."""
    leaves_at: int | None = None
    """Of a failing program: the first offset at which it leaves every passing one of its prompt."""


@dataclass(frozen=True, slots=True)
class Mover:
    """A position where base and student differ most."""

    prompt_id: str
    before: str
    """The text that leads up to it."""
    position: Position


@dataclass(frozen=True, slots=True)
class Band:
    """A mean over positions with its 95 % interval, samples resampled."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class KindRow:
    """Means over all positions, or over those of one kind."""

    kind: Kind | Literal["all"]
    positions: int
    share: float
    """Of all positions."""
    measures: dict[str, Band]
    """By name; `base_` and `student_` of: kept, cross_entropy, support, reshaping, anchor, constant, entropy, gate,
    head, tail, head_entropy (conditional on the retained support); `_change` (student less base) of: kept,
    head_entropy, entropy. Besides: fit, base_fit, moved, flipped, support_size, effective, gain_compression,
    gain_reshaping."""


@dataclass(frozen=True, slots=True)
class ThresholdRow:
    """The main numbers for another threshold between lock and fork."""

    fork_tokens: float
    fork_share: float
    means: dict[str, float]
    """`lock_` and `fork_` of: base_kept, student_kept, base_head_entropy, student_head_entropy, moved, fit."""


@dataclass(frozen=True, slots=True)
class Curve:
    """Figure 6 of the paper for these two models: a mean with its band at each place of the axis."""

    name: Literal["mass", "survivors", "entropy", "matched_entropy"]
    model: ModelName
    kind: Kind | Literal["all"]
    axis: tuple[float, ...]
    """Ranks for `mass`, T_eval for the others."""
    bands: tuple[Band, ...]


@dataclass(frozen=True, slots=True)
class BreakRow:
    """Where the failing programs of one model leave every passing one of the same prompt."""

    model: ModelName
    programs: int
    """Graded, of prompts that both models answered."""
    failing: int
    located: int
    """Failing ones whose prompt has a passing program to compare with."""
    locks: int
    forks: int
    off_support: int
    """Of `located`: went on with a token that q_s does not retain."""
    classes: dict[str, dict[str, int]]
    """Kind -> class of the token that left (name, number, operator, ...) -> count."""


@dataclass(frozen=True, slots=True)
class PreviewGap:
    """What of the gain needs no training: the ideal-fit preview beside the student, both against the base."""

    measure: str
    base: float
    preview: float
    student: float


@dataclass(frozen=True, slots=True)
class ExplainResult:
    """Everything on the page."""

    base: str
    student: str
    sampling: str
    """The sampling decoding, as reports name it."""
    evaluation: str
    """Truncation of the curves over T_eval."""
    fork_tokens: float
    samples: int
    positions: int
    matched: float
    """Share of positions whose mass in the first ranks is matched between the models."""
    residual: float
    """Largest difference, over all positions, between an identity's sum and the quantity itself."""
    kinds: tuple[KindRow, ...]
    sensitivity: tuple[ThresholdRow, ...]
    curves: tuple[Curve, ...]
    movers: tuple[Mover, ...]
    programs: tuple[Program, ...]
    breaks: tuple[BreakRow, ...]
    preview: tuple[PreviewGap, ...] = ()
