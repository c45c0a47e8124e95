"""decoding-baselines.json: the test scores of what was chosen, and the paired differences that answer the question.

"SSD" is the student under its best plain decoding, "base" the base under its own: both tuned on the same validation
problems as the rivals. Scores are fractions. Draws and prints nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from selfdistill import seeds
from selfdistill.decoding.families import PLAIN
from selfdistill.directory import RunDirectory
from selfdistill.measure.scores import ScoreTables, read_scores
from selfdistill.measure.statistics import DIFFERENCE, HOW, SHARE, Estimate, intervals, means
from selfdistill.recipe.decoding import label
from selfdistill.recipe.schema import Recipe
from selfdistill.report.compared import BaselineDifference, BaselineRow, Baselines, BaselineSide, BaselineSystem
from selfdistill.report.estimated import estimated, rounded
from selfdistill.studies.decoding_baselines.choose import Choice, Model, scores_of
from selfdistill.studies.decoding_baselines.words import answers

FORMAT = 1
DIFFERENCES = ("SSD - rival", "SSD + rival - SSD", "rival - base")
"""Of each family: what training does beyond it, what it adds to training, what it does for the base."""


def result(tuned: RunDirectory, tested: RunDirectory, choices: Sequence[Choice], recipe: Recipe) -> Baselines:
    """Everything that the comparison says.

    Args:
        tuned: the evaluation on validation problems.
        tested: the evaluation of the chosen settings on the test problems.
        choices: from `choose`.
        recipe: the run's.
    """
    validation, test = (read_scores(place, sorted(recipe.evaluation.pass_at)) for place in (tuned, tested))
    measures = list(test.tables)
    found: Baselines = {
        "format": FORMAT,
        "measures": measures,
        "families": list(dict.fromkeys(choice.family for choice in choices)),
        "seed": recipe.seed,
        "intervals": HOW,
        "validation": {"problems": len(validation.task_ids), "systems": _means(validation)},
        "test": {"problems": len(test.task_ids), "systems": _means(test)},
        "rows": [row for measure in measures for row in _rows(measure, choices, test, recipe.seed)],
    }
    return {**found, "answers": answers(found)}


def chosen_scores(choices: Sequence[Choice], test: ScoreTables, measure: str) -> dict[tuple[Model, str], np.ndarray]:
    """Test scores (problems,) of what was chosen by a measure, in that measure, by model and family."""
    return {
        (choice.model, choice.family): scores_of(test, choice.model, choice.stages)[measure]
        for choice in choices
        if choice.measure == measure
    }


def differences(scores: dict[tuple[Model, str], np.ndarray], family: str) -> list[np.ndarray]:
    """The `DIFFERENCES` of a family, (problems,) each."""
    ssd, rival, both = scores["student", PLAIN], scores["base", family], scores["student", family]
    return [ssd - rival, both - ssd, rival - scores["base", PLAIN]]


def _rows(measure: str, choices: Sequence[Choice], test: ScoreTables, seed: int) -> list[BaselineRow]:
    """One a family: both models' chosen settings with their scores, and the differences."""
    scores = chosen_scores(choices, test, measure)
    settings = {(choice.model, choice.family): choice for choice in choices if choice.measure == measure}
    families = [family for model, family in scores if model == "base"]
    gains = [gain for family in families for gain in differences(scores, family)]
    columns = np.stack([*(scores[key] for key in settings), *gains], axis=1)
    bounds = [SHARE] * len(settings) + [DIFFERENCE] * len(gains)
    estimates = iter(intervals(columns, seeds.generator(seed, "rivals", measure), bounds))
    by_key: dict[tuple[Model, str], BaselineSide] = {
        key: {
            "decoding": label(choice.stages),
            "stages": [stage.model_dump() for stage in choice.stages],
            "validation": rounded(choice.validation),
            "test": rounded(estimated(next(estimates))),
        }
        for key, choice in settings.items()
    }
    return [
        {
            "measure": measure,
            "family": family,
            "base": by_key["base", family],
            "student": by_key["student", family],
            "differences": {name: _difference(next(estimates)) for name in DIFFERENCES},
        }
        for family in families
    ]


def _means(scored: ScoreTables) -> list[BaselineSystem]:
    """Every system's mean scores."""
    found = {name: means(table).tolist() for name, table in scored.tables.items()}
    return [
        {
            "name": system.name,
            "title": system.title,
            "scores": {name: rounded(values[i]) for name, values in found.items()},
        }
        for i, system in enumerate(scored.systems)
    ]


def _difference(gain: Estimate) -> BaselineDifference:
    each = rounded(estimated(gain))
    return {"value": each["value"], "low": each["low"], "high": each["high"], "problems": each["problems"]}
