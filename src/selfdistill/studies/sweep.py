"""The grid over T_train, truncation and T_eval that the paper scans: which runs it takes, and what they show.

One run for each T_train, truncation and seed; T_eval is each run's evaluation grid. Source: paper Sec. 4 and its
figures on T_eff = T_train * T_eval, with the quadratic fit and its R^2.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from selfdistill.measure.scores import ScoreTables
from selfdistill.measure.statistics import Scores
from selfdistill.recipe.decoding import Decoding
from selfdistill.recipe.schema import Recipe
from selfdistill.report.results import Fit, Sweep, SweepPoint
from selfdistill.steps.evaluation.systems import System
from selfdistill.studies.cells import Cell
from selfdistill.studies.directory import StudyDirectory
from selfdistill.studies.grid import Grid, Truncation
from selfdistill.studies.scores import differences, over_seeds, read_runs

Runs = dict[tuple[tuple[float, "Truncation"], int], ScoreTables]
"""By T_train and truncation, and seed."""


def cells(recipe: Recipe, grid: Grid) -> list[Cell]:
    """The runs of a sweep; the recipe decides everything else."""
    return [
        Cell(cell_name(temperature, truncation.label, seed), _recipe(recipe, grid, temperature, truncation, seed))
        for seed in grid.seeds
        for temperature, truncation in grid.points()
    ]


def cell_name(temperature: float, truncation: str, seed: int) -> str:
    """The run's directory in the sweep's; the truncation by its label."""
    return f"T{temperature:g}-{truncation}-seed-{seed}"


def summarise(recipe: Recipe, grid: Grid, out: Path) -> Sweep:
    """Every score of a finished sweep with its interval, the fits and the best points; `sweep.json`."""
    directories = {
        ((temperature, truncation), seed): StudyDirectory(out).run(cell_name(temperature, truncation.label, seed))
        for temperature, truncation in grid.points()
        for seed in grid.seeds
    }
    runs = read_runs(directories, recipe.evaluation.pass_at)
    base = _base_scores(runs, grid)
    points = _student_rows(runs, grid, recipe, base)
    measures = [f"pass@{k}" for k in recipe.evaluation.pass_at]
    return {
        "name": recipe.name,
        "seeds": list(grid.seeds),
        "problems": len(next(iter(runs.values())).task_ids),
        "measures": measures,
        "base": [{"t_eval": t_eval, "scores": over_seeds(scores)} for t_eval, scores in base.items()],
        "points": points,
        "fits": {
            truncation.label: {measure: fit(points, truncation.label, measure) for measure in measures}
            for truncation in grid.truncations
        },
    }


def fit(points: Sequence[SweepPoint], truncation: str, measure: str) -> Fit | None:
    """Least-squares parabola of the score against T_eff: coefficients (highest power first), R^2 and the peak.

    None where fewer than four different T_eff are there. Greedy points are left out: they have no T_eff.
    """
    chosen = [point for point in points if point["truncation"] == truncation and point["t_eval"] > 0]
    x = np.array([point["t_eff"] for point in chosen])
    y = np.array([point["scores"][measure]["value"] for point in chosen])
    if len(set(x.round(9))) < 4:
        return None
    coefficients = np.polyfit(x, y, 2)
    residual = y - np.polyval(coefficients, x)
    spread = float(((y - y.mean()) ** 2).sum())
    peak = -coefficients[1] / (2 * coefficients[0]) if coefficients[0] < 0 else None
    return {
        "coefficients": [float(value) for value in coefficients],
        "r_squared": 1 - float((residual**2).sum()) / spread if spread else None,
        "peak": float(peak) if peak is not None else None,
    }


def _recipe(recipe: Recipe, grid: Grid, temperature: float, truncation: Truncation, seed: int) -> Recipe:
    sampling = recipe.sampling.model_copy(update={"decoding": truncation.at(temperature)})
    shape = recipe.evaluation.grid.model_copy(update={"temperatures": grid.t_eval})
    evaluation = recipe.evaluation.model_copy(update={"grid": shape})
    return recipe.model_copy(update={"seed": seed, "sampling": sampling, "evaluation": evaluation})


def _base_scores(runs: Runs, grid: Grid) -> dict[float, list[Scores]]:
    """The base's scores, seed by seed, by T_eval."""
    first = [runs[grid.points()[0], seed] for seed in grid.seeds]
    return {t_eval: [run.of(grid_system(run, "base", t_eval)) for run in first] for t_eval in grid.t_eval}


def _student_rows(runs: Runs, grid: Grid, recipe: Recipe, base: dict[float, list[Scores]]) -> list[SweepPoint]:
    first = f"pass@{recipe.evaluation.pass_at[0]}"
    rival = max(base.values(), key=lambda scores: over_seeds(scores)[first]["value"])
    rows: list[SweepPoint] = []
    for temperature, truncation in grid.points():
        for t_eval in grid.t_eval:
            found = [runs[(temperature, truncation), seed] for seed in grid.seeds]
            scores = [run.of(grid_system(run, "student", t_eval)) for run in found]
            rows.append(
                {
                    "t_train": temperature,
                    "truncation": truncation.label,
                    "t_eval": t_eval,
                    "t_eff": temperature * t_eval,
                    "scores": over_seeds(scores),
                    "minus_base_at_t_eval": differences(scores, base[t_eval]),
                    "minus_base_best": differences(scores, rival),
                }
            )
    return rows


def grid_system(run: ScoreTables, model: str, t_eval: float) -> System:
    """The grid's system of a model at a temperature; 0 is greedy."""
    return next(
        system
        for system in run.systems
        if system.model == model
        and "grid" in system.roles
        and isinstance(last := system.stages[-1], Decoding)
        and (last.greedy if t_eval == 0 else last.temperature == t_eval)
    )
