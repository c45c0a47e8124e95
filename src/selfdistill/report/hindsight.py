"""Differences between decodings that were picked on the very problems they are judged on.

The highest of several scores flatters itself. So the difference between the models' best decodings gets an interval
that holds for whichever decodings are truly the best: the student must beat *every* decoding of the base, each by an
interval of its own (an intersection-union test: Berger 1982, Technometrics 24, 295-300), and where its decoding was
picked from m, each of these intervals may fail with an m-th of the chance (Bonferroni). Picks nothing (`comparisons`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from selfdistill import seeds
from selfdistill.measure.comparisons import Comparison
from selfdistill.measure.estimates import Measured
from selfdistill.measure.statistics import CONFIDENCE, DIFFERENCE, Estimate, intervals
from selfdistill.steps.evaluation.systems import System


@dataclass(frozen=True, slots=True)
class Pairs:
    """Ends of the intervals of student minus base, (students, bases) each: every decoding against every other."""

    students: tuple[int, ...]
    """Positions in the list of systems."""
    bases: tuple[int, ...]
    low: np.ndarray
    """Each 95 % interval by itself."""
    low_of_any_student: np.ndarray
    """For any choice among the students' decodings."""
    high_of_any_base: np.ndarray
    """For any choice among the base's decodings."""


def all_pairs(systems: Sequence[System], table: np.ndarray, seed: int) -> Pairs | None:
    """Intervals of one measure, over all problems; None unless both models have a score.

    Args:
        systems: everything that was evaluated.
        table: (problems, systems) scores of the measure, NaN where undefined.
        seed: the recipe's.
    """
    scored = ~np.isnan(table).all(axis=0)
    students, bases = (
        tuple(i for i, system in enumerate(systems) if system.model == model and scored[i])
        for model in ("student", "base")
    )
    if not students or not bases:
        return None
    gains = (table[:, students][:, :, None] - table[:, bases][:, None, :]).reshape(len(table), -1)
    choices = np.repeat((1, len(students), len(bases)), gains.shape[1])
    generator = seeds.generator(seed, "report", "all")
    found = intervals(np.tile(gains, 3), generator, DIFFERENCE, confidence=(1 - (1 - CONFIDENCE) / choices).tolist())
    shape = (3, len(students), len(bases))
    low, high = (np.array([getattr(each, end) for each in found]).reshape(shape) for end in ("low", "high"))
    return Pairs(students, bases, low[0], low[1], high[2])


def allow_for_choices(
    measured: Measured, comparisons: Sequence[Comparison], pairs: Mapping[str, Pairs | None]
) -> Measured:
    """The same estimates; where a comparison's sides were picked by a measure, its interval in it allows for that.

    Args:
        measured: from `scores.measure`.
        comparisons: those that were measured.
        pairs: by measure, from `all_pairs`.
    """
    changed = {measure: dict(groups) for measure, groups in measured.comparisons.items()}
    for measure, groups in changed.items():
        groups["all"] = [
            _allowed(difference, comparison, pairs[measure]) if comparison.picked_by == measure else difference
            for difference, comparison in zip(groups["all"], comparisons, strict=True)
        ]
    return replace(measured, comparisons=changed)


def _allowed(difference: Estimate, comparison: Comparison, pairs: Pairs | None) -> Estimate:
    if pairs is None:
        return difference
    if comparison.kind == "best":
        own = pairs.students.index(comparison.student)
        return replace(difference, low=float(pairs.low[own].min()), high=float(pairs.high_of_any_base[own].min()))
    low, high = (ends.min(axis=1).max() for ends in (pairs.low_of_any_student, pairs.high_of_any_base))
    return replace(difference, low=float(low), high=float(high))


def shown_frontier(one: Pairs | None, two: Pairs | None) -> str | None:
    """Whether the intervals of two measures show that one model's frontier lies outside the other's.

    Returns:
        `outside` where every decoding of the base is beaten on both measures by some decoding of the student, `inside`
        where it is the other way round; None where neither is shown.
    """
    if one is None or two is None or (one.students, one.bases) != (two.students, two.bases):
        return None
    if ((one.low_of_any_student > 0) & (two.low_of_any_student > 0)).any(axis=0).all():
        return "outside"
    if ((one.high_of_any_base < 0) & (two.high_of_any_base < 0)).any(axis=1).all():
        return "inside"
    return None
