"""pass@k against enumeration; the bootstrap against full enumeration, scipy and a known truth."""

from __future__ import annotations

import itertools
import math
import time

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from selfdistill import seeds
from selfdistill.measure.statistics import (
    DIFFERENCE,
    FEW,
    SHARE,
    UNBOUNDED,
    Bounds,
    Estimate,
    across_seeds,
    bootstrap,
    intervals,
    means,
    pass_at_k,
    pass_at_k_scores,
)


@pytest.mark.parametrize(("n", "k"), [(1, 1), (4, 2), (5, 5), (6, 3), (8, 5)])
def test_pass_at_k_is_the_share_of_subsets_with_a_pass(n: int, k: int) -> None:
    for c in range(n + 1):
        programs = [index < c for index in range(n)]
        subsets = list(itertools.combinations(programs, k))
        share = sum(any(subset) for subset in subsets) / len(subsets)
        assert pass_at_k(n, c, k) == pytest.approx(share, abs=1e-15)


@given(st.integers(1, 300), st.data())
def test_pass_at_k_equals_the_published_product_form(n: int, data: st.DataObject) -> None:
    c, k = data.draw(st.integers(0, n)), data.draw(st.integers(1, n))
    product = 1.0 if n - c < k else 1.0 - np.prod(1.0 - k / np.arange(n - c + 1, n + 1))
    assert pass_at_k(n, c, k) == pytest.approx(product, abs=1e-12)


def test_pass_at_1_is_the_pass_rate_exactly() -> None:
    assert [pass_at_k(10, c, 1) for c in range(11)] == pytest.approx([c / 10 for c in range(11)])


def test_pass_at_k_is_unbiased() -> None:
    """The mean of the estimator over Binomial(n, p) passes is 1 - (1 - p)^k, in closed form."""
    for p in (0.05, 0.4, 0.9):
        mean = sum(scipy.stats.binom.pmf(c, 10, p) * pass_at_k(10, c, 5) for c in range(11))
        assert mean == pytest.approx(1 - (1 - p) ** 5, abs=1e-12)


def test_pass_at_k_is_nan_where_no_estimate_exists() -> None:
    assert math.isnan(pass_at_k(4, 4, 5))
    assert math.isnan(pass_at_k(0, 0, 1))
    assert pass_at_k_scores([10, 3], [10, 3], 5).tolist()[0] == 1
    assert np.isnan(pass_at_k_scores([10, 3], [10, 3], 5)).tolist() == [False, True]


@pytest.mark.parametrize(("n", "c", "k"), [(3, 4, 1), (3, -1, 1), (-1, 0, 1), (3, 1, 0)])
def test_pass_at_k_refuses_impossible_counts(n: int, c: int, k: int) -> None:
    with pytest.raises(ValueError):
        pass_at_k(n, c, k)


def test_interval_equals_the_enumerated_bootstrap_distribution() -> None:
    """Five problems have 3,125 resamples; the percentiles of all of them are the truth that sampling approaches."""
    scores = np.array([0.0, 0.1, 0.4, 0.45, 1.0])
    every_mean = [np.mean(resample) for resample in itertools.product(scores, repeat=5)]
    low, high = np.percentile(every_mean, [2.5, 97.5])
    [estimate] = bootstrap(scores[:, None], seeds.generator(0, "t"), resamples=200_000)
    assert estimate.value == pytest.approx(scores.mean(), abs=1e-15)
    assert (estimate.low, estimate.high) == pytest.approx((low, high), abs=0.011)


def test_interval_has_the_asked_mass_in_closed_form() -> None:
    """Two problems, right and wrong: of all resamples a quarter has mean 0, half 0.5 and a quarter 1."""
    scores = np.array([[0.0], [1.0]])
    for confidence, expected in ((0.49, (0.5, 0.5)), (0.495, (0.5, 0.5)), (0.505, (0.0, 1.0)), (0.51, (0.0, 1.0))):
        [estimate] = bootstrap(scores, seeds.generator(0, "t"), resamples=1_000_000, confidence=confidence)
        assert (estimate.low, estimate.high) == expected


def test_interval_agrees_with_scipy() -> None:
    scores = seeds.generator(1, "scores").beta(0.5, 0.7, size=400)
    theirs = scipy.stats.bootstrap(
        (scores,), np.mean, n_resamples=20_000, method="percentile", rng=np.random.default_rng(0), batch=1000
    ).confidence_interval
    [ours] = bootstrap(scores[:, None], seeds.generator(1, "t"), resamples=20_000)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.001)


def test_interval_covers_a_known_truth_95_times_in_100() -> None:
    """500 benchmarks of 200 problems with mean 0.3; misses are Binomial(500, 0.05), within 12..40 except 1 in 1,000."""
    draws = seeds.generator(2, "truth").beta(0.6, 1.4, size=(500, 200))
    missed = 0
    for row in draws:
        [estimate] = bootstrap(row[:, None], seeds.generator(2, "t"), resamples=1_000)
        missed += not estimate.low <= 0.3 <= estimate.high
    assert 12 <= missed <= 40


def test_pairing_removes_what_problems_have_in_common() -> None:
    difficulty = seeds.generator(3, "difficulty").random(300)
    first, second = difficulty, difficulty + 0.02
    [paired] = bootstrap((second - first)[:, None], seeds.generator(3, "t"))
    assert paired.sign == 1
    assert (paired.low, paired.high) == pytest.approx((0.02, 0.02))
    alone_a, alone_b = bootstrap(np.stack([first, second], 1), seeds.generator(3, "t"))
    assert alone_b.low < alone_a.high, "unpaired, the same difference drowns"


def test_columns_share_their_resamples() -> None:
    scores = seeds.generator(4, "s").random((50, 1))
    first, second = bootstrap(np.hstack([scores, scores]), seeds.generator(4, "t"))
    assert first == second
    [alone] = bootstrap(scores, seeds.generator(4, "t"))
    assert (alone.low, alone.high) == pytest.approx((first.low, first.high))


def test_undefined_problems_are_left_out_of_mean_and_resamples() -> None:
    scores = np.array([[1.0, math.nan], [0.0, 0.5], [1.0, math.nan], [1.0, 0.5]])
    whole, holes = bootstrap(scores, seeds.generator(5, "t"))
    assert (whole.value, whole.problems) == (0.75, 4)
    assert holes == Estimate(0.5, 0.5, 0.5, 2)


@pytest.mark.parametrize("scores", [np.full((3, 1), math.nan), np.empty((0, 1))])
def test_no_score_at_all_is_nan_not_zero(scores: np.ndarray) -> None:
    [estimate] = bootstrap(scores, seeds.generator(6, "t"))
    assert all(math.isnan(number) for number in (estimate.value, estimate.low, estimate.high))
    assert (estimate.problems, estimate.sign) == (0, 0)


def test_scores_without_columns_are_a_bug() -> None:
    with pytest.raises(ValueError, match="problems, columns"):
        bootstrap(np.zeros(5), seeds.generator(0, "t"))


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_interval_stays_within_the_scores(values: list[float]) -> None:
    [estimate] = bootstrap(np.array(values)[:, None], seeds.generator(7, "t"), resamples=200)
    assert min(values) - 1e-9 <= estimate.low <= estimate.high <= max(values) + 1e-9


@pytest.mark.parametrize(
    ("low", "high", "sign"), [(0.1, 0.2, 1), (-0.2, -0.1, -1), (-0.1, 0.1, 0), (0.0, 0.1, 0), (-0.1, 0.0, 0)]
)
def test_sign_needs_the_whole_interval(low: float, high: float, sign: int) -> None:
    assert Estimate((low + high) / 2, low, high, 10).sign == sign


def test_across_seeds_counts_and_pools() -> None:
    stream = seeds.generator(8, "d")
    gains = [stream.normal(shift, 0.2, size=400) for shift in (0.1, 0.05, 0.0, -0.1)]
    summary = across_seeds(gains, 8)
    values = [gain.mean() for gain in gains]
    assert summary.mean.value == pytest.approx(np.mean(values))
    assert [estimate.value for estimate in summary.per_seed] == pytest.approx(values)
    assert summary.seed_deviation == pytest.approx(scipy.stats.tstd(values))
    assert summary.above_zero == 2
    assert summary.positive == sum(value > 0 for value in values)
    assert math.isnan(across_seeds(gains[:1], 8).seed_deviation)
    assert across_seeds(gains[:2], 8).seed_deviation == pytest.approx(abs(values[0] - values[1]) / math.sqrt(2))


def test_a_seed_without_a_difference_is_not_positive() -> None:
    summary = across_seeds([np.zeros(400), np.full(400, 0.1), np.full(400, -0.1)], 0)
    assert (summary.positive, summary.above_zero) == (1, 1)
    assert summary.mean.sign == 0


def test_counts_of_different_lengths_are_a_bug() -> None:
    with pytest.raises(ValueError, match="shorter"):
        pass_at_k_scores([10, 10], [1], 1)


def test_a_whole_evaluation_takes_seconds_at_most() -> None:
    scores = seeds.generator(9, "s").random((800, 60))
    start = time.perf_counter()
    bootstrap(scores, seeds.generator(9, "t"))
    assert time.perf_counter() - start < 5, "measured 0.3 s on an idle core"


def test_means_are_of_the_defined_scores() -> None:
    scores = np.array([[1.0, math.nan, math.nan], [0.0, 0.5, math.nan], [0.5, 0.25, math.nan]])
    assert means(scores).tolist() == pytest.approx([0.5, 0.375, math.nan], nan_ok=True)


def interval(scores: list[float] | np.ndarray, bounds: Bounds = SHARE, confidence: float = 0.95) -> Estimate:
    column = np.asarray(scores, np.float64)[:, None]
    [estimate] = intervals(column, seeds.generator(10, "few"), bounds, confidence=confidence)
    return estimate


@pytest.mark.parametrize(
    ("n", "c"), [(1, 0), (2, 2), (10, 0), (10, 10), (164, 0), (10, 1), (10, 5), (164, 3), (700, 699)]
)
def test_few_right_or_wrong_problems_have_clopper_and_pearsons_interval(n: int, c: int) -> None:
    found = interval([1.0] * c + [0.0] * (n - c))
    exact = scipy.stats.binomtest(c, n).proportion_ci(method="exact")
    assert found.value == pytest.approx(c / n)
    error = 1e-12 if c in (0, n) else 0.008  # all alike: a closed form; else quantiles of 10,000 draws
    assert (found.low, found.high) == pytest.approx((exact.low, exact.high), abs=error)


def test_nothing_against_nothing_is_not_certainty() -> None:
    """0 of 20 against 0 of 20, two programs for each of ten problems."""
    difference = interval([0.0] * 10, DIFFERENCE)
    assert (difference.low, difference.high) == pytest.approx((-0.3085, 0.3085), abs=1e-4)
    assert difference.sign == 0


@given(st.integers(0, 9), st.integers(0, 9), st.integers(0, 300))
def test_differences_of_few_are_judged_as_mcnemars_exact_test_does(gains: int, losses: int, ties: int) -> None:
    if gains + losses >= FEW or not gains + losses + ties:
        return
    found = interval([1.0] * gains + [-1.0] * losses + [0.0] * ties, DIFFERENCE)
    p = scipy.stats.binomtest(gains, gains + losses).pvalue if gains + losses else 1.0
    if not 0.04 < p < 0.06:  # at the edge the quantiles' own noise decides
        assert (found.sign != 0) == (p < 0.05)
        assert found.sign in (0, np.sign(gains - losses))


def test_two_or_three_problems_show_nothing() -> None:
    for scores in ([1.0, 1.0], [0.5, 1.0], [1.0, 1.0, 0.5], [1.0] * 5):
        assert interval(scores, DIFFERENCE).sign == 0
    assert interval([1.0] * 6, DIFFERENCE).sign == 1


def test_many_problems_keep_the_percentile_interval() -> None:
    stream = seeds.generator(11, "s")
    scores = np.stack([stream.random(60), (stream.random(60) < 0.5) * 1.0, np.r_[np.ones(FEW), np.zeros(40)]], axis=1)
    assert intervals(scores, seeds.generator(11, "t"), SHARE) == bootstrap(scores, seeds.generator(11, "t"))
    one_less = np.r_[np.ones(FEW - 1), np.zeros(41)][:, None]
    assert intervals(one_less, seeds.generator(11, "t"), SHARE) != bootstrap(one_less, seeds.generator(11, "t"))


def test_rounding_of_sums_is_no_variation() -> None:
    """0.3 - 0.1 and 0.4 - 0.2 are the same score, whatever their last bits are."""
    found = interval([0.3 - 0.1, 0.4 - 0.2] * 20, DIFFERENCE)
    reach = 1 - 0.025 ** (1 / 40)
    assert (found.low, found.high) == pytest.approx((0.2 - 1.2 * reach, 0.2 + 0.8 * reach), abs=1e-9)


def test_each_column_has_its_own_bounds_and_undefined_problems() -> None:
    scores = np.array([[0.0, 0.0, math.nan]] * 9 + [[0.0, 0.0, 1.0]])
    share, difference, lone = intervals(scores, seeds.generator(12, "t"), [SHARE, DIFFERENCE, SHARE])
    assert (share.low, difference.low) == (0.0, -share.high)
    assert (lone.problems, lone.low, lone.high) == (1, pytest.approx(0.025), 1.0)
    [nothing] = intervals(np.full((3, 1), math.nan), seeds.generator(12, "t"), SHARE)
    assert math.isnan(nothing.low)
    assert nothing.problems == 0


def test_a_higher_confidence_widens_both_kinds_of_interval() -> None:
    for scores in ([0.0] * 6 + [1.0] * 2, [0.0] * 10, seeds.generator(13, "s").random(50)):
        usual, sure = interval(scores), interval(scores, confidence=0.99)
        assert sure.low <= usual.low <= usual.value <= usual.high < sure.high


def test_scores_outside_their_bounds_are_a_bug() -> None:
    with pytest.raises(ValueError, match="outside"):
        interval([0.0, 1.5])


def test_few_scores_without_bounds_have_students_interval() -> None:
    scores = [0.03, 0.04, 0.02, 0.05]
    found = interval(scores, UNBOUNDED)
    theirs = scipy.stats.ttest_1samp(scores, 0).confidence_interval()
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high))
    assert interval([0.03, 0.04], UNBOUNDED).sign == 0
    assert math.isnan(interval([0.03], UNBOUNDED).low)
    assert math.isnan(interval([0.03] * 30, UNBOUNDED).high)


def test_the_interval_of_few_covers_the_truth_where_the_bootstraps_does_not() -> None:
    """Ten problems of which 5 in 100 are solved: most sets show none solved, and a bootstrap is then sure of 0."""
    draws = (seeds.generator(14, "truth").random((400, 10)) < 0.05) * 1.0
    table = draws.T
    covered = {
        name: np.mean([each.low <= 0.05 <= each.high for each in found])
        for name, found in (
            ("bootstrap", bootstrap(table, seeds.generator(14, "t"))),
            ("few", intervals(table, seeds.generator(14, "t"), SHARE)),
        )
    }
    assert covered["bootstrap"] < 0.5
    assert covered["few"] > 0.95


def test_seeds_that_all_failed_alike_are_not_certain() -> None:
    nothing = [np.zeros(10)] * 3
    assert across_seeds(nothing, 0).mean.low == pytest.approx(-0.3085, abs=1e-4)
    scores = across_seeds(nothing, 0, bounds=SHARE)
    assert (scores.mean.low, scores.mean.high) == pytest.approx((0, 0.3085), abs=1e-4)
    assert scores.above_zero == 0
