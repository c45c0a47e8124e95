"""The recipe's section on rounds."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from selfdistill.recipe.section import Fraction, PositiveInt, Section


class RoundSettings(Section):
    """Several rounds: each trains the last round's student on. See docs/rounds.md."""

    count: PositiveInt = 1
    """How many."""
    prompts: Literal["same", "fresh"] = "same"
    """`fresh`: every round has prompts of its own, as many as `prompts.limit`."""
    sample_from: Literal["student", "base"] = "student"
    """Whose samples a later round trains on: the last student's, or always the first base's."""
    mix_first: Fraction = 0.0
    """Share of the prompts that keep the first round's samples in later rounds; needs the same prompts."""
    number: PositiveInt = 1
    """Which round a run is; set by `selfdistill rounds`. Each round draws from random streams of its own."""

    @model_validator(mode="after")
    def _can_be_mixed(self) -> RoundSettings:
        if self.mix_first and self.prompts == "fresh":
            raise ValueError("mix_first needs prompts: same; the first round has no samples for fresh prompts")
        return self
