"""The bootstrap: problems (or samples) drawn anew with replacement, and what becomes of a statistic.

The one place that resamples. Estimates with intervals for reports are in `statistics`, which uses this.
Source: Efron and Tibshirani 1993, An Introduction to the Bootstrap, ch. 13, for percentile intervals.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np

RESAMPLES = 10_000
_CHUNK = 1_000  # resamples held at once: 6 MB of weights for 800 problems


def resampled(
    statistic: Callable[[np.ndarray], float], items: int, generator: np.random.Generator, resamples: int = RESAMPLES
) -> np.ndarray:
    """Any statistic over resampled items: float64 of shape (resamples,).

    Args:
        statistic: gets the positions of the items drawn, int64 of shape (items,), with repeats.
        items: how many there are, and are drawn each time.
        generator: take it from `seeds.generator`, so that a rerun repeats the draws.
        resamples: how many times they are drawn.
    """
    return np.array([statistic(rows) for chunk in _draws(items, generator, resamples) for rows in chunk], np.float64)


def resampled_means(
    filled: np.ndarray, defined: np.ndarray, generator: np.random.Generator, resamples: int = RESAMPLES
) -> np.ndarray:
    """Means of every column over every resample, (resamples, columns); NaN where a resample met no defined score.

    Args:
        filled: (problems, columns) scores; 0 where one is undefined.
        defined: (problems, columns) booleans.
        generator, resamples: as in `resampled`.
    """
    problems, columns = filled.shape
    if not problems:
        return np.full((resamples, columns), math.nan)
    chunks = []
    for drawn in _draws(problems, generator, resamples):
        rows = len(drawn)
        places = drawn + problems * np.arange(rows)[:, None]
        weights = np.bincount(places.ravel(), minlength=rows * problems).reshape(rows, problems).astype(np.float64)
        with np.errstate(invalid="ignore"):
            chunks.append((weights @ filled) / (weights @ defined.astype(np.float64)))
    return np.concatenate(chunks)


def resampled_ratios(
    sums: np.ndarray, counts: np.ndarray, generator: np.random.Generator, resamples: int
) -> np.ndarray:
    """Means over positions whose samples are resampled whole: (resamples, columns), those with a position in them.

    Args:
        sums: (samples, columns) each sample's sum over its positions.
        counts: (samples,) how many positions it has.
        generator, resamples: as in `resampled`.
    """
    samples = len(counts)
    weights = generator.multinomial(samples, np.full(samples, 1 / samples), size=resamples)
    totals = weights @ counts
    return (weights @ sums)[totals > 0] / totals[totals > 0, None]


def percentile_interval(drawn: np.ndarray, tail: float = 2.5) -> tuple[np.ndarray, np.ndarray]:
    """Ends of the interval that leaves out `tail` percent of the resamples on each side, of each column."""
    low, high = np.percentile(drawn, [tail, 100 - tail], axis=0)
    return low, high


def _draws(items: int, generator: np.random.Generator, resamples: int) -> Iterator[np.ndarray]:
    """Positions drawn with replacement, (at most _CHUNK, items) at a time; the stream is the same in any chunks."""
    for start in range(0, resamples, _CHUNK):
        yield generator.integers(items, size=(min(_CHUNK, resamples - start), items))
