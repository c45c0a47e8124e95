"""pass@k and its uncertainty: the unbiased estimator, and intervals over problems.

Problems, not programs, are what a benchmark drew from the world, so problems are resampled; a problem's score already
carries the noise of its few programs. Intervals are plain *percentile* bootstrap intervals. BCa would correct for
skewness, which a mean over hundreds of problems hardly has. Where few problems vary, resampling cannot show what the
set by chance does not hold: with 0 of 20 right it would give an interval of no width. There `intervals` uses a bound
that holds for a few problems too (`_few_bounded`).

Does not know what a system or a run is, and reads no files. Source: Chen et al. 2021 (arXiv 2107.03374), Sec. 2.1, for
pass@k; Efron and Tibshirani 1993, ch. 13, for percentile intervals; Gaffke 2005 (Math. Meth. Stat. 14, 451-467) and
Phan et al. 2021 (arXiv 2106.03163) for the bound.

    >>> round(pass_at_k(n=10, c=3, k=5), 4)
    0.9167
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from selfdistill import seeds
from selfdistill.errors import WrongValueError
from selfdistill.measure.bootstrap import RESAMPLES, percentile_interval, resampled_means

Scores = dict[str, np.ndarray]
"""Measure ("pass@1") -> (problems,) of one system, NaN where undefined."""
Tables = dict[str, np.ndarray]
"""Measure -> (problems, systems), NaN where undefined."""
CONFIDENCE = 0.95
METHOD = "percentile bootstrap by problem"
FEW = 20
"""Fewer problems than this, not counting those with the most frequent score, are few. From here on the bootstrap's 95 %
intervals cover the truth in about 94 of 100 sets; of ten problems of which one in twenty is solved, in 39."""
HOW = {"confidence": CONFIDENCE, "resamples": RESAMPLES, "method": METHOD, "few": FEW}
"""How `intervals` makes them, for the files that hold some."""

Bounds = tuple[float, float]
"""The lowest and the highest score that a problem can have."""
SHARE: Bounds = (0.0, 1.0)
"""Of pass@k."""
DIFFERENCE: Bounds = (-1.0, 1.0)
"""Of the difference of two pass@k."""
UNBOUNDED: Bounds = (-math.inf, math.inf)
"""Of nats and whatever else has no bounds."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over problems with its 95 % interval, all in the unit of the scores. NaN where undefined."""

    value: float
    low: float
    high: float
    problems: int
    """How many problems had a defined score."""

    @property
    def sign(self) -> int:
        """Of a difference: +1 if the whole interval is above zero, -1 if below, else 0 (not distinguishable)."""
        return int(self.low > 0) - int(self.high < 0)


@dataclass(frozen=True, slots=True)
class SeedSummary:
    """One difference measured under several seeds of the whole method, on the same problems."""

    mean: Estimate
    """Over seeds and problems; its interval resamples problems and takes these seeds as given."""
    per_seed: tuple[Estimate, ...]
    seed_deviation: float
    """Standard deviation between the seeds' values (n - 1 in the denominator); NaN for one seed."""
    positive: int
    """Seeds whose value is above zero."""
    above_zero: int
    """Seeds whose whole interval is above zero."""


def pass_at_k(n: int, c: int, k: int) -> float:
    """Unbiased estimate of the chance that at least one of k programs passes, from c passes among n.

    1 - C(n - c, k) / C(n, k), in exact integers up to the one division (Chen et al. 2021, eq. 1).

    Args:
        n: programs judged. Harness errors are not judgements: leave them out of n.
        c: how many of them passed.
        k: programs drawn without replacement.

    Returns:
        A number in [0, 1]; NaN if n < k, where no unbiased estimate exists.

    Raises:
        WrongValueError: c is outside 0..n, or k is less than 1.
    """
    for name, value in (("n", n), ("c", c), ("k", k)):
        if not isinstance(value, (int, np.integer)) or isinstance(value, bool):
            raise WrongValueError(f"{name} is {value!r}, not a whole number", where="pass_at_k()")
    if not 0 <= c <= n:
        raise WrongValueError(f"c is {c}, outside 0..n = {n}")
    if k < 1:
        raise WrongValueError(f"k is {k}, less than 1")
    if n < k:
        return math.nan
    return 1.0 - math.comb(n - c, k) / math.comb(n, k)


def pass_at_k_scores(judged: Sequence[int], passed: Sequence[int], k: int) -> np.ndarray:
    """`pass_at_k` problem by problem: float64 of shape (problems,), NaN where a problem has fewer than k judgements."""
    return np.array([pass_at_k(n, c, k) for n, c in zip(judged, passed, strict=True)], dtype=np.float64)


def means(scores: np.ndarray) -> np.ndarray:
    """Mean of each column's defined scores: (columns,) of (problems, columns); NaN where a column has none."""
    defined = ~np.isnan(scores)
    with np.errstate(invalid="ignore"):
        return np.where(defined, scores, 0.0).sum(0) / defined.sum(0)


def bootstrap(
    scores: np.ndarray,
    generator: np.random.Generator,
    *,
    resamples: int = RESAMPLES,
    confidence: float | Sequence[float] = CONFIDENCE,
) -> list[Estimate]:
    """Means over problems, with percentile bootstrap intervals by problem.

    All columns see the same resampled problems. The difference of two systems is *paired*: pass the column of
    per-problem differences, `a - b`, whose mean is the difference of the means.

    Args:
        scores: (problems, columns). NaN: this problem has no score in this column; it is left out of the column's
            mean, in the data and in every resample.
        generator: take it from `seeds.generator`, so that a rerun repeats the interval.
        resamples: how many times the problems are drawn anew, as many as there are, with replacement.
        confidence: mass of the interval, for all columns or one a column.

    Returns:
        One estimate a column. NaN throughout where a column has no score at all.
    """
    if scores.ndim != 2:
        raise ValueError(f"scores have shape {scores.shape}, not (problems, columns)")
    defined = ~np.isnan(scores)
    counts = defined.sum(0)
    means = resampled_means(np.where(defined, scores, 0.0), defined, generator, resamples)
    tails = np.broadcast_to(50 * (1 - np.asarray(confidence)), counts.shape)
    estimates = []
    for column, (count, tail) in enumerate(zip(counts, tails, strict=True)):
        kept = means[~np.isnan(means[:, column]), column]
        if not len(kept):
            estimates.append(Estimate(math.nan, math.nan, math.nan, int(count)))
            continue
        low, high = percentile_interval(kept, tail)
        value = scores[defined[:, column], column].mean()
        estimates.append(Estimate(float(value), float(low), float(high), int(count)))
    return estimates


def intervals(
    scores: np.ndarray,
    generator: np.random.Generator,
    bounds: Bounds | Sequence[Bounds],
    *,
    confidence: float | Sequence[float] = CONFIDENCE,
) -> list[Estimate]:
    """`bootstrap`, with intervals that hold also where few problems vary: what every report shows.

    A column in which at least FEW problems have another score than the most frequent one keeps its percentile interval.
    Else scores with bounds get Gaffke's bound. That is Clopper and Pearson's interval where scores are 0 or 1, so that
    0 of 10 problems give 0 to 30.8 %; and for differences of such scores it excludes zero exactly where McNemar's exact
    test does. Scores without bounds get Student's t interval, which is NaN where all of them are alike.

    Args:
        scores, generator, confidence: as in `bootstrap`.
        bounds: SHARE, DIFFERENCE or UNBOUNDED, for all columns or one a column.

    Raises:
        ValueError: a score is outside its bounds.
    """
    estimates = bootstrap(scores, generator, confidence=confidence)
    limits = np.broadcast_to(np.asarray(bounds, np.float64), (scores.shape[1], 2))
    tails = np.broadcast_to((1 - np.asarray(confidence)) / 2, scores.shape[1:])
    seed = int(generator.integers(2**63))  # equal columns have equal intervals
    for column, (estimate, tail) in enumerate(zip(estimates, tails, strict=True)):
        values, counts = np.unique(_defined(scores[:, column]), return_counts=True)
        if not estimate.problems or estimate.problems - counts.max() >= FEW:
            continue
        bounded = bool(np.isfinite(limits[column]).all())
        if bounded and not limits[column, 0] <= values[0] <= values[-1] <= limits[column, 1]:
            raise ValueError(f"scores from {values[0]} to {values[-1]} are outside {limits[column]}")
        low, high = (
            _few_bounded(values, counts, limits[column], tail, np.random.default_rng(seed))
            if bounded
            else (_few_unbounded(values, counts, tail))
        )
        estimates[column] = replace(estimate, low=low, high=high)
    return estimates


def across_seeds(
    differences: Sequence[np.ndarray], seed: int, *key: str | int, bounds: Bounds = DIFFERENCE
) -> SeedSummary:
    """Pool per-problem differences from several seeds of the method, each of shape (problems,), problems aligned.

    With `bounds=SHARE` the same for scores. A problem without a score (NaN) in one seed is left out of
    the mean over seeds, and of that seed's own estimate.
    """
    table = np.stack(differences, axis=1)
    pooled = table.mean(axis=1, keepdims=True)
    mean, *per_seed = intervals(np.hstack([pooled, table]), seeds.generator(seed, "bootstrap", *key), bounds)
    values = [estimate.value for estimate in per_seed]
    return SeedSummary(
        mean=mean,
        per_seed=tuple(per_seed),
        seed_deviation=float(np.std(values, ddof=1)) if len(values) > 1 else math.nan,
        positive=sum(value > 0 for value in values),
        above_zero=sum(estimate.sign > 0 for estimate in per_seed),
    )


def _defined(column: np.ndarray) -> np.ndarray:
    """The scores that are there, without what floating-point sums leave: 0.3 - 0.1 is 0.2."""
    return column[~np.isnan(column)].round(9)


def _few_bounded(
    values: np.ndarray, counts: np.ndarray, limits: np.ndarray, tail: float, generator: np.random.Generator
) -> tuple[float, float]:
    """Gaffke's lower and upper bound of the mean.

    The mean under random weights, Dirichlet(1, ..., 1), of the scores and one score more: the highest possible one for
    the upper bound, the lowest possible one for the lower. Whatever a few problems did not show weighs as much as one
    of them.

    Args:
        values, counts: the different scores, and how many problems have each.
        limits: (2,) the lowest and the highest possible score.
        tail: chance that each bound may fail.
        generator: draws the weights.
    """
    if len(values) == 1:  # one weight matters, and its distribution is known: Beta(1, problems)
        reach = 1 - tail ** (1 / counts[0])
        low, high = values[0] + reach * (limits - values[0])
        return float(low), float(high)
    if np.array_equal(values, limits):  # so it is here: Beta, which makes the interval Clopper and Pearson's
        from scipy.stats import beta  # takes a moment to import

        shares = beta.ppf([tail, 1 - tail], [counts[1], counts[1] + 1], [counts[0] + 1, counts[0]])
        low, high = limits[0] + shares * (limits[1] - limits[0])
        return float(low), float(high)
    weights = generator.standard_gamma(counts, size=(RESAMPLES, len(counts)))
    more = generator.standard_exponential(RESAMPLES)
    sums, totals = weights @ values, weights.sum(1) + more
    low = np.quantile((sums + limits[0] * more) / totals, tail)
    high = np.quantile((sums + limits[1] * more) / totals, 1 - tail)
    return float(low), float(high)


def _few_unbounded(values: np.ndarray, counts: np.ndarray, tail: float) -> tuple[float, float]:
    """Student's t interval of the mean; NaN where the scores do not vary."""
    if len(values) == 1:
        return math.nan, math.nan
    from scipy.stats import t  # takes a moment to import

    scores = np.repeat(values, counts)
    reach = t.ppf(1 - tail, len(scores) - 1) * scores.std(ddof=1) / math.sqrt(len(scores))
    return float(scores.mean() - reach), float(scores.mean() + reach)
