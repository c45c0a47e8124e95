"""Resampling: the same draws for every statistic, in any number at once, and closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from selfdistill.measure.bootstrap import percentile_interval, resampled, resampled_means, resampled_ratios

SCORES = np.array([[0.0, 1.0], [1.0, 0.5], [0.25, np.nan], [1.0, 0.0]])


def stream() -> np.random.Generator:
    return np.random.default_rng(7)


def test_any_statistic_sees_the_draws_that_means_see():
    """2,500 resamples are drawn in three chunks here, and one after the other."""
    defined = ~np.isnan(SCORES)
    means = resampled_means(np.nan_to_num(SCORES), defined, stream(), 2_500)
    single = stream()
    one_by_one = [SCORES[single.integers(4, size=4), 0].mean() for _ in range(2_500)]
    assert means[:, 0] == pytest.approx(one_by_one)
    assert resampled(lambda rows: SCORES[rows, 0].mean(), 4, stream(), 2_500) == pytest.approx(one_by_one)


def test_a_resample_without_a_score_has_no_mean():
    """Of two problems one is scored: a quarter of the resamples miss it."""
    means = resampled_means(np.array([[1.0], [0.0]]), np.array([[True], [False]]), stream(), 4_000)
    assert np.isnan(means).mean() == pytest.approx(0.25, abs=0.03)
    assert set(means[~np.isnan(means)]) == {1.0}
    assert np.isnan(resampled_means(np.zeros((0, 2)), np.zeros((0, 2), bool), stream(), 3)).all()


def test_ratios_weigh_samples_by_their_positions():
    """The mean over positions, and resamples without a position left out: two samples, one of them empty."""
    drawn = resampled_ratios(np.array([[3.0, 6.0], [0.0, 0.0]]), np.array([3.0, 0.0]), stream(), 4_000)
    assert len(drawn) == pytest.approx(3_000, abs=120)
    assert drawn == pytest.approx(np.tile([1.0, 2.0], (len(drawn), 1)))
    mixed = resampled_ratios(np.array([[1.0], [8.0]]), np.array([1.0, 2.0]), stream(), 4_000)
    assert sorted({round(float(value), 9) for value in mixed[:, 0]}) == [1.0, 3.0, 4.0]


def test_percentiles_of_each_column():
    low, high = percentile_interval(np.arange(101.0)[:, None] * [1.0, 2.0], 5.0)
    assert (low.tolist(), high.tolist()) == ([5.0, 10.0], [95.0, 190.0])
