"""What a contamination check is given, and what it finds. Their JSON form is in docs/formats.md."""

from __future__ import annotations

from dataclasses import dataclass

from selfdistill.recipe.contamination import Kind


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
