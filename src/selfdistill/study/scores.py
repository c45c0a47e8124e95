"""Scores of a study's runs, problem by problem, averaged over seeds, with intervals by problem."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from selfdistill.errors import UserError
from selfdistill.evaluation.systems import System
from selfdistill.report.evaluated import read_evaluated, read_problems, read_systems
from selfdistill.report.scores import score_tables
from selfdistill.statistics import SeedSummary, across_seeds

Scores = dict[str, np.ndarray]
"""Measure ("pass@1") -> (problems,) of one system."""


@dataclass(frozen=True, slots=True)
class Run:
    """One evaluated run."""

    systems: tuple[System, ...]
    task_ids: tuple[str, ...]
    tables: dict[str, np.ndarray]
    """Measure -> (problems, systems)."""

    def of(self, system: System) -> Scores:
        """One system's scores."""
        column = self.systems.index(system)
        return {measure: table[:, column] for measure, table in self.tables.items()}


def read_run(root: Path, pass_at: Sequence[int]) -> Run:
    """Read an evaluated run directory.

    Raises:
        UserError: it is not evaluated.
    """
    systems, problems = read_systems(root), read_problems(root)
    tables = score_tables([read_evaluated(root, system, problems) for system in systems], pass_at)
    return Run(tuple(systems), tuple(problem.task_id for problem in problems), tables)


def same_problems(runs: Sequence[Run]) -> None:
    """Refuse to pair runs that were judged on different problems.

    Raises:
        UserError: they were.
    """
    if len({run.task_ids for run in runs}) > 1:
        raise UserError("the runs were judged on different problems", fix="give them the same evaluation section")


def over_seeds(scores: Sequence[Scores]) -> dict[str, dict[str, Any]]:
    """Measure -> mean over seeds and problems with its interval, and each seed's own value."""
    return {measure: plain(across_seeds([each[measure] for each in scores], 0, "study")) for measure in scores[0]}


def differences(scores: Sequence[Scores], against: Sequence[Scores]) -> dict[str, dict[str, Any]]:
    """The same, of paired differences, seed by seed and problem by problem."""
    pairs = list(zip(scores, against, strict=True))
    return over_seeds([{measure: one[measure] - other[measure] for measure in one} for one, other in pairs])


def plain(summary: SeedSummary) -> dict[str, Any]:
    """As JSON."""
    tree = asdict(summary)
    return {**tree["mean"], "seeds": [round(each["value"], 6) for each in tree["per_seed"]], **_signs(tree)}


def _signs(tree: dict[str, Any]) -> dict[str, Any]:
    return {"above_zero": tree["above_zero"], "positive": tree["positive"]}
