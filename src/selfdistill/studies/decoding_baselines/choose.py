"""Choose each family's setting by its score on validation problems: for each model and each measure by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from selfdistill.decoding.families import Grid
from selfdistill.directory import RunDirectory
from selfdistill.measure.scores import ScoreTables, read_scores
from selfdistill.measure.statistics import Scores, means
from selfdistill.recipe.decoding import Stages
from selfdistill.steps.evaluation.systems import make_systems

Model = Literal["base", "student"]
MODELS: tuple[Model, ...] = ("base", "student")


@dataclass(frozen=True, slots=True)
class Choice:
    """One family's best setting."""

    model: Model
    family: str
    measure: str
    """By which it was chosen: "pass@1"."""
    stages: Stages
    validation: float
    """Its validation score: it was picked for being high, so it flatters itself."""


def scores_of(scored: ScoreTables, model: Model, stages: Stages) -> Scores:
    """A model's scores under a decoding."""
    (wanted,) = make_systems([(model, stages, "rival")])
    return scored.of(wanted)


def choose(place: RunDirectory, grid: Grid, pass_at: Sequence[int]) -> list[Choice]:
    """The best setting of each model, family and measure; of equal ones the first in the grid."""
    scored = read_scores(place, sorted(pass_at))
    choices = []
    for measure in scored.tables:
        for model in MODELS:
            for family, settings in grid.items():
                found = means(np.column_stack([scores_of(scored, model, stages)[measure] for stages in settings]))
                best = int(np.where(np.isnan(found), -1.0, found).argmax())
                choices.append(Choice(model, family, measure, settings[best], float(found[best])))
    return choices
