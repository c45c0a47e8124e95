"""What an overlap check is given, and what it finds. Their JSON form is in docs/formats.md."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

Kind = Literal["exact", "normalised", "near", "ngram"]
"""How two texts overlap. A pair has the first kind that holds, see `KINDS`."""
KINDS: tuple[Kind, ...] = get_args(Kind)
"""The strongest first. `exact`: the same characters. `normalised`: the same but for white space. `near`: similar word
for word. `ngram`: a run of words in common."""


class OverlapSettings(BaseModel):
    """Whether prompts, or samples, repeat the benchmark's problems. See docs/overlap.md."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    check: bool = True
    """Check it in every run; the report states the result, or that it was not checked."""
    words: Annotated[int, Field(ge=2)] = 13
    """`ngram`: this many words in a row in common, lower case, without punctuation."""
    common: Annotated[int, Field(gt=0)] = 10
    """A run of words in more problems than this is the benchmark's boilerplate and does not count."""
    shingle: Annotated[int, Field(gt=0)] = 3
    """`near`: texts are compared as sets of runs of this many words."""
    similarity: Annotated[float, Field(gt=0, le=1)] = 0.7
    """`near`: Jaccard similarity of these sets from which on two texts are near duplicates."""
    drop: Kind | None = None
    """Drop prompts that overlap in this way or a stronger one (exact, normalised, near, ngram), and count them."""


@dataclass(frozen=True, slots=True)
class Reference:
    """One text of the benchmark."""

    task_id: str
    text: str


@dataclass(frozen=True, slots=True)
class Match:
    """A text and a problem that overlap."""

    text_id: str
    """A prompt's id, or `prompt_id/sample_index`."""
    task_id: str
    kind: Kind
    """The strongest that holds."""
    similarity: float
    """Jaccard similarity of the two sets of shingles, in [0, 1]."""
    shared: int
    """Different runs of `words` words in common; boilerplate is left out."""
    evidence: str
    """The first of these runs, or "" where there is none."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Of one kind: each text, and each problem, is counted once, under its strongest kind."""

    texts: int
    problems: int


@dataclass(frozen=True, slots=True)
class Part:
    """One comparison: these texts with those of the benchmark."""

    texts: str
    """`prompts` or `samples`."""
    against: str
    """`statements` or `solutions`."""
    compared: int
    """How many texts."""
    problems: int
    """How many problems have such a text."""
    short: int
    """Problems whose text has fewer than `words` words: they cannot have an `ngram` match."""
    boilerplate: int
    """Runs of words left out because they stand in many problems."""
    counts: dict[Kind, Counts]
    matches: tuple[Match, ...]
    """Every pair, in the order of the texts."""
