"""Several seeds of one recipe: each was tuned and tested by itself; their scores and differences are pooled here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter

from selfdistill.directory import RunDirectory
from selfdistill.errors import UserError
from selfdistill.files import read_json
from selfdistill.measure.scores import ScoreTables
from selfdistill.measure.statistics import SHARE, across_seeds
from selfdistill.recipe.decoding import Stages
from selfdistill.report.compared import BaselineDifference, BaselineRow, Baselines, BaselineSide
from selfdistill.report.estimated import estimated
from selfdistill.run.integrity import check
from selfdistill.studies.decoding_baselines.choose import MODELS, Choice, Model
from selfdistill.studies.decoding_baselines.result import DIFFERENCES, chosen_scores, differences
from selfdistill.studies.scores import read_runs

Chosen = dict[tuple[Model, str], np.ndarray]
"""(problems,) scores by model and family."""
_STAGES: TypeAdapter[Stages] = TypeAdapter(Stages)


def pool(roots: Sequence[Path]) -> Baselines:
    """The rows of several comparisons as one, in the form of decoding-baselines.json; a difference has `above_zero`.

    Raises:
        UserError: the runs have different test problems, measures or families.
    """
    runs = [RunDirectory(root) for root in roots]
    for run in runs:
        check(run, "baselines")
    found: list[Baselines] = [read_json(run.decoding_baselines) for run in runs]
    first = found[0]
    for root, each in zip(roots, found, strict=True):
        if any(each[key] != first[key] for key in ("measures", "families")):
            raise UserError("was compared with other families or measures than the first run", where=root)
    pass_at = [int(name.removeprefix("pass@")) for name in first["measures"]]
    tests = list(read_runs({n: run.decoding_baselines_on("test") for n, run in enumerate(runs)}, pass_at).values())
    return {
        "measures": first["measures"],
        "families": first["families"],
        "seeds": [each["seed"] for each in found],
        "validation": {"problems": first["validation"]["problems"]},
        "test": {"problems": first["test"]["problems"]},
        "rows": [row for measure in first["measures"] for row in _rows(measure, found, tests)],
    }


def _rows(measure: str, found: Sequence[Baselines], tests: Sequence[ScoreTables]) -> list[BaselineRow]:
    scores = [chosen_scores(_choices(each), test, measure) for each, test in zip(found, tests, strict=True)]
    return [_row(measure, family, scores, found) for family in found[0]["families"]]


def _row(measure: str, family: str, scores: Sequence[Chosen], found: Sequence[Baselines]) -> BaselineRow:
    same = [r for each in found for r in each["rows"] if (r["measure"], r["family"]) == (measure, family)]
    gains: dict[str, BaselineDifference] = {}
    for position, name in enumerate(DIFFERENCES):
        summary = across_seeds([differences(each, family)[position] for each in scores], 0, "rivals", measure, family)
        gains[name] = {**estimated(summary.mean), "above_zero": summary.above_zero}
    return {
        "measure": measure,
        "family": family,
        "base": _side(measure, family, "base", scores, same),
        "student": _side(measure, family, "student", scores, same),
        "differences": gains,
    }


def _side(
    measure: str, family: str, model: Model, scores: Sequence[Chosen], rows: Sequence[BaselineRow]
) -> BaselineSide:
    own = [each[model, family] for each in scores]
    summary = across_seeds(own, 0, "rivals", measure, model, family, bounds=SHARE)
    settings = dict.fromkeys(row[model]["decoding"] for row in rows)
    return {"decoding": "; ".join(settings), "test": estimated(summary.mean)}


def _choices(found: Baselines) -> list[Choice]:
    return [
        Choice(model, row["family"], row["measure"], _STAGES.validate_python(row[model]["stages"]), 0.0)
        for row in found["rows"]
        for model in MODELS
    ]
