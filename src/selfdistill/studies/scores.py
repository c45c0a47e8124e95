"""Scores of a study's runs, problem by problem, averaged over seeds, with intervals by problem."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np

from selfdistill.directory import RunDirectory
from selfdistill.measure.scores import ScoreTables, read_paired
from selfdistill.measure.statistics import DIFFERENCE, SHARE, Bounds, Estimate, Scores, SeedSummary, across_seeds, means
from selfdistill.report.results import ByMeasure, Interval, OverSeeds
from selfdistill.run.integrity import check
from selfdistill.steps.evaluation.systems import System

Key = TypeVar("Key")


def read_runs(directories: Mapping[Key, RunDirectory], ks: Sequence[int]) -> dict[Key, ScoreTables]:
    """`read_paired`, of runs whose data and evaluation are as their stages have left them.

    Raises:
        UserError: a file differs; or as `read_paired`.
    """
    for directory in directories.values():
        check(directory, "prompts", "training", "evaluation")
    return read_paired(directories, ks)


def over_seeds(scores: Sequence[Scores], bounds: Bounds = SHARE) -> ByMeasure:
    """Measure -> mean over seeds and problems with its interval, and each seed's own value."""
    return {
        measure: plain(across_seeds([each[measure] for each in scores], 0, "study", bounds=bounds))
        for measure in scores[0]
    }


def differences(scores: Sequence[Scores], against: Sequence[Scores]) -> ByMeasure:
    """The same, of paired differences, seed by seed and problem by problem."""
    pairs = list(zip(scores, against, strict=True))
    gains = [{measure: one[measure] - other[measure] for measure in one} for one, other in pairs]
    return over_seeds(gains, DIFFERENCE)


def greedy_scores(run: ScoreTables, model: str) -> Scores | None:
    """Of the base's or student's greedy decoding, where that was evaluated."""
    system = next((s for s in run.systems if s.model == model and s.stages[-1].greedy), None)
    return run.of(system) if system else None


def best_scores(runs: Sequence[ScoreTables], model: str, measure: str) -> tuple[System, list[Scores]]:
    """The base's or student's decoding with the highest mean score over runs that evaluated the same ones.

    The base's two-stage preview counts as one of its decodings: it needs no training. The highest of several flatters
    itself, on both sides of a comparison.

    Returns:
        the decoding as the first run's system, and its scores in each run.
    """
    own = [system for system in runs[0].systems if system.model == model]
    candidates = [(system, [run.of(system) for run in runs]) for system in own]
    return max(candidates, key=lambda each: mean_score(each[1], measure))


def pooled(scores: Sequence[Scores], measure: str) -> np.ndarray:
    """(problems,) mean over the seeds; NaN where one of them has no score."""
    return np.mean([each[measure] for each in scores], axis=0)


def mean_score(scores: Sequence[Scores], measure: str) -> float:
    """Over seeds and problems, as `over_seeds`; -inf where no problem has a score, so that it is never the best."""
    value = float(means(pooled(scores, measure)[:, None])[0])
    return -math.inf if math.isnan(value) else value


def greedy_gain(runs: Sequence[ScoreTables], bases: Sequence[ScoreTables]) -> ByMeasure | None:
    """Student minus base, both greedy, run by run; None where that was not evaluated in all of them."""
    students = [scores for run in runs if (scores := greedy_scores(run, "student")) is not None]
    others = [scores for run in bases if (scores := greedy_scores(run, "base")) is not None]
    return differences(students, others) if len(students) == len(others) == len(runs) else None


def interval(estimate: Estimate) -> Interval:
    """As JSON: value and 95 % interval."""
    return {"value": estimate.value, "low": estimate.low, "high": estimate.high}


def plain(summary: SeedSummary) -> OverSeeds:
    """As JSON."""
    return {
        "value": summary.mean.value,
        "low": summary.mean.low,
        "high": summary.mean.high,
        "problems": summary.mean.problems,
        "seeds": [round(each.value, 6) for each in summary.per_seed],
        "above_zero": summary.above_zero,
        "positive": summary.positive,
    }
