"""The recipe's section on contamination: whether the training data repeat the evaluation's problems."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import Field

from selfdistill.recipe.section import LARGEST, PositiveInt, PositiveShare, Section

Kind = Literal["exact", "normalised", "near", "ngram"]
"""How two texts overlap. A pair has the first kind that holds, see `KINDS`."""
KINDS: tuple[Kind, ...] = get_args(Kind)
"""The strongest first. `exact`: the same characters. `normalised`: the same but for white space. `near`: similar word
for word. `ngram`: a run of words in common."""


class ContaminationSettings(Section):
    """Whether prompts, or samples, repeat the benchmark's problems. See docs/contamination.md."""

    check: bool = True
    """Check it in every run; the report states the result, or that it was not checked."""
    words: Annotated[int, Field(ge=2, le=LARGEST)] = 13
    """`ngram`: this many words in a row in common, lower case, without punctuation."""
    common: PositiveInt = 10
    """A run of words in more problems than this is the benchmark's boilerplate and does not count."""
    shingle: PositiveInt = 3
    """`near`: texts are compared as sets of runs of this many words."""
    similarity: PositiveShare = 0.7
    """`near`: Jaccard similarity of these sets from which on two texts are near duplicates."""
    drop: Kind | None = None
    """Drop prompts that overlap in this way or a stronger one (exact, normalised, near, ngram), and count them."""
