"""Several seeds of one recipe: each was tuned and tested by itself; their scores and differences are pooled here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from selfdistill.directory import RunDirectory
from selfdistill.errors import UserError
from selfdistill.files import read_json
from selfdistill.measure.evaluated import read_problems
from selfdistill.measure.statistics import SHARE, across_seeds
from selfdistill.recipe.decoding import Stages
from selfdistill.studies.decoding_baselines.choose import Choice, Model, read_scores
from selfdistill.studies.decoding_baselines.result import DIFFERENCES, chosen_scores, differences

Scores = dict[tuple[Model, str], np.ndarray]
_STAGES: TypeAdapter[Stages] = TypeAdapter(Stages)


def pool(roots: Sequence[Path]) -> dict[str, Any]:
    """The rows of several comparisons as one, in the form of decoding-baselines.json; a difference has `above_zero`.

    Raises:
        UserError: the runs have different test problems, measures or families.
    """
    found = [read_json(root / "decoding-baselines.json") for root in roots]
    first = found[0]
    for root, each in zip(roots, found, strict=True):
        if any(each[key] != first[key] for key in ("measures", "families")) or _problems(root) != _problems(roots[0]):
            raise UserError("was compared on other problems or with other families than the first run", where=root)
    return {
        "measures": first["measures"],
        "families": first["families"],
        "seeds": [each["seed"] for each in found],
        "validation": {"problems": first["validation"]["problems"]},
        "test": {"problems": first["test"]["problems"]},
        "rows": [row for measure in first["measures"] for row in _rows(measure, roots, found)],
    }


def _rows(measure: str, roots: Sequence[Path], found: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    scores = [_scores(root, each, measure) for root, each in zip(roots, found, strict=True)]
    return [_row(measure, family, scores, found) for family in found[0]["families"]]


def _row(measure: str, family: str, scores: Sequence[Scores], found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    same = [r for each in found for r in each["rows"] if (r["measure"], r["family"]) == (measure, family)]
    pooled: dict[str, Any] = {"measure": measure, "family": family}
    models: tuple[Model, ...] = ("base", "student")
    for model in models:
        own = [each[model, family] for each in scores]
        summary = across_seeds(own, 0, "rivals", measure, model, family, bounds=SHARE)
        settings = dict.fromkeys(row[model]["decoding"] for row in same)
        pooled[model] = {"decoding": "; ".join(settings), "test": asdict(summary.mean)}
    pooled["differences"] = {}
    for position, name in enumerate(DIFFERENCES):
        summary = across_seeds([differences(each, family)[position] for each in scores], 0, "rivals", measure, family)
        pooled["differences"][name] = {**asdict(summary.mean), "above_zero": summary.above_zero}
    return pooled


def _scores(root: Path, found: dict[str, Any], measure: str) -> Scores:
    models: tuple[Model, ...] = ("base", "student")
    choices = [
        Choice(model, row["family"], row["measure"], _STAGES.validate_python(row[model]["stages"]), 0.0)
        for row in found["rows"]
        for model in models
    ]
    place = RunDirectory(root / "decoding-baselines" / "test")
    pass_at = [int(name.removeprefix("pass@")) for name in found["measures"]]
    return chosen_scores(choices, read_scores(place, pass_at), measure)


def _problems(root: Path) -> list[str]:
    return [problem.task_id for problem in read_problems(root / "decoding-baselines" / "test")]
