"""From scores to estimates with intervals: of every system, of every comparison, overall and by difficulty.

Within one group of problems everything shares its bootstrap resamples, so that differences are paired.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from selfdistill import seeds
from selfdistill.measure.comparisons import Comparison
from selfdistill.measure.evaluated import EvaluatedProblem
from selfdistill.measure.statistics import DIFFERENCE, SHARE, Estimate, Tables, intervals

_ORDER = ("easy", "medium", "hard")


@dataclass(frozen=True, slots=True)
class Measured:
    """Estimates by measure, then group, then position."""

    systems: dict[str, dict[str, list[Estimate]]]
    comparisons: dict[str, dict[str, list[Estimate]]]
    """Of the paired difference, student minus base."""


def groups(problems: Sequence[EvaluatedProblem]) -> dict[str, np.ndarray]:
    """Masks over problems: `all`, then each difficulty where there are at least two, easiest first."""
    names = {problem.difficulty for problem in problems if problem.difficulty}
    ordered = [name for name in _ORDER if name in names] + sorted(names - set(_ORDER))
    masks = {name: np.array([problem.difficulty == name for problem in problems]) for name in ordered}
    everything = {"all": np.ones(len(problems), bool)}
    return everything | masks if len(masks) > 1 else everything


def measure(tables: Tables, masks: dict[str, np.ndarray], comparisons: Sequence[Comparison], seed: int) -> Measured:
    """Estimate everything that the report shows.

    Args:
        tables: of the evaluation's `ScoreTables`.
        masks: from `groups`.
        comparisons: whose differences are wanted.
        seed: the recipe's.
    """
    measured = Measured({name: {} for name in tables}, {name: {} for name in tables})
    students = [comparison.student for comparison in comparisons]
    bases = [comparison.base for comparison in comparisons]
    for group, mask in masks.items():
        rows = {name: table[mask] for name, table in tables.items()}
        columns = [np.hstack([table, table[:, students] - table[:, bases]]) for table in rows.values()]
        bounds = [
            each for table in rows.values() for each in [SHARE] * table.shape[1] + [DIFFERENCE] * len(comparisons)
        ]
        estimates = iter(intervals(np.hstack(columns), seeds.generator(seed, "report", group), bounds))
        for name, table in rows.items():
            measured.systems[name][group] = [next(estimates) for _ in range(table.shape[1])]
            measured.comparisons[name][group] = [next(estimates) for _ in comparisons]
    return measured
