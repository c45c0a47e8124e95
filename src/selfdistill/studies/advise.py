"""From a preview to a recommendation: which T_train, truncation and T_eval to train for, and how sure that is."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from selfdistill import seeds
from selfdistill.errors import UserError
from selfdistill.measure.bootstrap import RESAMPLES, resampled
from selfdistill.measure.statistics import UNBOUNDED, intervals, means
from selfdistill.recipe.load import builtin_recipes, load_recipe
from selfdistill.recipe.one_card import known_models
from selfdistill.report.results import Advice, PaperSetting
from selfdistill.studies.previewed import read_preview
from selfdistill.studies.scores import interval

RULE_OF_THUMB = 0.75
"""T_train * T_eval should be above this: a journal club's reading of the paper's sweeps."""


def advise(directory: Path, measure: str = "pass@1") -> Advice:
    """Read a finished preview and recommend.

    Of the settings whose estimate can be trusted, `highest` has the highest previewed score; with it, how often it is
    the best when the problems are drawn anew, and every setting that cannot be told from it. Of all these `recommended`
    is the one with the lowest T_eval, and of several the one with the highest score: a real student leaves some mass
    where the ideal one has none, and a hot T_eval brings it back. No preview sees that.

    Raises:
        UserError: there is no preview, not this measure, or no estimate that can be trusted.
    """
    previewed = read_preview(directory, measure)
    usable = previewed.trusted()
    if not usable:
        raise UserError("no setting's estimate can be trusted", where=directory, fix="draw more samples a problem")
    scores = previewed.table[:, usable]
    points = [previewed.points[index] for index in usable]
    found = means(scores)
    top = int(found.argmax())
    generator = seeds.generator(previewed.seed, "advise")
    behind = intervals(scores[:, [top]] - scores, generator, UNBOUNDED)
    equal = [index for index, each in enumerate(behind) if index == top or not each.low > 0]
    chosen = points[min(equal, key=lambda index: (points[index]["t_eval"], -found[index]))]
    return {
        "measure": measure,
        "recommended": chosen,
        "highest": points[top],
        "chance_of_being_best": _chance_of_being_best(scores, top, generator),
        "cannot_be_told_from_it": [
            {
                "t_train": points[index]["t_train"],
                "truncation": points[index]["truncation"],
                "t_eval": points[index]["t_eval"],
                "behind": interval(behind[index]),
            }
            for index in equal
            if index != top
        ],
        "greedy": previewed.greedy,
        "rule_of_thumb": {"t_eff": chosen["t_eff"], "kept": chosen["t_eff"] > RULE_OF_THUMB},
        "paper": _paper(),
        "left_out": len(previewed.points) - len(usable),
    }


def _chance_of_being_best(scores: np.ndarray, chosen: int, generator: np.random.Generator) -> float:
    """Share of resamples of the problems in which the chosen column has the highest mean."""
    wins = resampled(lambda rows: means(scores[rows]).argmax() == chosen, len(scores), generator, RESAMPLES // 10)
    return float(wins.mean())


def _paper() -> list[PaperSetting]:
    """The paper's own settings, from the built-in recipes."""
    found: list[PaperSetting] = []
    for name in builtin_recipes():
        recipe = load_recipe(name)
        if recipe.model.path != "embedded" and name not in known_models():
            sampling, student = recipe.sampling.decoding, recipe.evaluation.student
            t_eff = sampling.temperature * student.temperature
            found.append({"recipe": name, "sampling": sampling.label, "student": student.label, "t_eff": t_eff})
    return found
