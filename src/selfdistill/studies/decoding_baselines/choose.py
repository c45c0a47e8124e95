"""Choose each family's setting by its score on validation problems: for each model and each measure by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from selfdistill.decoding.families import Grid
from selfdistill.directory import RunDirectory
from selfdistill.measure.evaluated import read_evaluated, read_problems, read_systems
from selfdistill.measure.scores import Tables, score_tables
from selfdistill.measure.statistics import means
from selfdistill.recipe.decoding import Stages
from selfdistill.steps.evaluation.systems import System, make_systems

Model = Literal["base", "student"]


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


@dataclass(frozen=True, slots=True)
class Scored:
    """An evaluation's scores problem by problem."""

    systems: tuple[System, ...]
    tables: Tables
    problems: int

    def of(self, model: Model, stages: Stages, measure: str) -> np.ndarray:
        """(problems,) of a model under a decoding."""
        (wanted,) = make_systems([(model, stages, "rival")])
        names = [system.name for system in self.systems]
        return self.tables[measure][:, names.index(wanted.name)]


def read_scores(place: RunDirectory, pass_at: Sequence[int]) -> Scored:
    """The scores of a finished evaluation."""
    systems, problems = read_systems(place.root), read_problems(place.root)
    evaluated = [read_evaluated(place.root, system, problems) for system in systems]
    return Scored(tuple(systems), score_tables(evaluated, sorted(pass_at)), len(problems))


def choose(place: RunDirectory, grid: Grid, pass_at: Sequence[int]) -> list[Choice]:
    """The best setting of each model, family and measure; of equal ones the first in the grid."""
    scored = read_scores(place, pass_at)
    models: tuple[Model, ...] = ("base", "student")
    choices = []
    for measure in scored.tables:
        for model in models:
            for family, settings in grid.items():
                found = means(np.column_stack([scored.of(model, stages, measure) for stages in settings]))
                best = int(np.where(np.isnan(found), -1.0, found).argmax())
                choices.append(Choice(model, family, measure, settings[best], float(found[best])))
    return choices
