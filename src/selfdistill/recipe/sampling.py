"""The recipe's section on step 1."""

from __future__ import annotations

from typing import Literal

from selfdistill.recipe.decoding import Decoding
from selfdistill.recipe.section import PositiveInt, PositiveShare, Section


class MixSettings(Section):
    """Samples of an earlier run, mixed into this one's."""

    run: str
    """Its directory."""
    share: PositiveShare
    """Of the prompts, drawn by the recipe's seed, that keep the earlier run's samples."""


class SamplingSettings(Section):
    """Step 1: one completion a prompt from the frozen base, or existing texts in place of completions."""

    source: Literal["model", "texts"] = "model"
    """`model`: the paper's method. `texts`: nothing is generated; the base only reads existing texts, whose tokens are
    context and never targets, and the targets are its q_s at every position. Ours; needs soft targets."""
    decoding: Decoding
    """T_train and rho_train."""
    model: str | None = None
    """A model that samples in place of the one that is trained; rounds with `sample_from: base` set it."""
    mix: MixSettings | None = None
    """Take some samples over from an earlier run of the same prompts."""
    samples_per_prompt: PositiveInt = 1
    """The paper finds that 1 suffices."""
    max_new_tokens: PositiveInt = 131072
    """Completions are cut off here; they stay in the data."""
