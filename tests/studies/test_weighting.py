"""Weighted scores: plain pass@k where nothing is reweighted, elsewhere the truth by enumeration."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfdistill.measure.statistics import pass_at_k
from selfdistill.studies.weighting import weighted_scores


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.booleans(), min_size=6, max_size=6), min_size=1, max_size=5), st.integers(1, 6))
def test_with_the_target_as_only_proposal_it_is_the_unbiased_estimator(passed, k):
    table = np.array(passed)
    problems = np.repeat(np.arange(len(passed)), 6)
    logprobs = np.linspace(-9, -1, len(problems))[:, None]
    once = np.zeros(len(problems), int)
    found = weighted_scores(problems, once, table.ravel(), logprobs, logprobs, (k,))
    expected = [pass_at_k(6, int(row.sum()), k) for row in table]
    assert np.allclose(found.scores[k][:, 0], expected)
    assert np.allclose(found.effective[k], 1)


PROGRAMS = np.array([True, False, True, False, False])
"""Whether each of the five programs there are passes."""
PROPOSALS = np.array([[0.1, 0.2, 0.3, 0.2, 0.2], [0.4, 0.3, 0.1, 0.1, 0.1]])
TARGETS = np.array([[0.5, 0.1, 0.2, 0.2, 0.0], [0.05, 0.15, 0.1, 0.3, 0.4]])


def estimate(drawn: list[tuple[int, ...]], targets: np.ndarray = TARGETS) -> dict[int, np.ndarray]:
    """Scores over problems that drew these programs: half of each from the first proposal, half from the second."""
    programs = np.array(drawn)
    problems = np.repeat(np.arange(len(programs)), programs.shape[1])
    proposals = np.tile(np.repeat([0, 1], programs.shape[1] // 2), len(programs))
    flat = programs.ravel()
    order = np.argsort(proposals, kind="stable")  # as they come: one proposal's draws after the other's
    with np.errstate(divide="ignore"):
        logs = np.log(targets.T[flat])[order], np.log(PROPOSALS.T[flat])[order]
    return weighted_scores(problems[order], proposals[order], PROGRAMS[flat][order], *logs, (1, 2)).scores


def test_in_expectation_it_is_the_targets_own_score():
    """Over all pairs of draws with their probabilities, without any sampling noise."""
    pairs = list(itertools.product(range(5), repeat=2))
    chance = np.array([PROPOSALS[0][one] * PROPOSALS[1][other] for one, other in pairs])
    # Each pair as often as it is drawn, to a hundred-thousandth: the pooled control variate then has its true mean.
    counts = np.round(chance * 1e4).astype(int)
    assert counts.sum() == 10_000
    drawn = [pair for pair, count in zip(pairs, counts, strict=True) for _ in range(count)]
    scores = estimate(drawn)
    truth = TARGETS[:, PROGRAMS].sum(1)
    assert np.allclose(scores[1].mean(0), truth, atol=1e-9)
    assert np.isnan(scores[2]).all(), "one draw of each says nothing of two"


def test_pass_at_more_is_the_targets_own_in_expectation():
    """Over all that two draws of each proposal can be, with their probabilities; the two proposals are far apart."""
    drawn = list(itertools.product(range(5), repeat=4))
    chance = np.array([np.prod([PROPOSALS[at // 2][program] for at, program in enumerate(each)]) for each in drawn])
    scores = estimate(drawn)[2]
    # The weights are divided by their mean over the given problems, which here are not drawn but listed.
    with np.errstate(divide="ignore"):
        weights = TARGETS / PROPOSALS.mean(0)
    listed = np.array([[weights[:, program] for program in each] for each in drawn]).mean((0, 1))
    expected = 1 - (1 - scores) * listed**2
    assert np.allclose(chance @ expected, 1 - (1 - TARGETS[:, PROGRAMS].sum(1)) ** 2)


def test_a_target_that_was_drawn_itself_is_scored_by_its_own_draws():
    generator = np.random.default_rng(7)
    halves = [generator.choice(5, p=proposal, size=(200, 4)) for proposal in PROPOSALS]
    scores = estimate([tuple(row) for row in np.hstack(halves)], targets=PROPOSALS[::-1])[2]
    for column, half in enumerate(halves[::-1]):
        expected = [pass_at_k(4, int(PROGRAMS[row].sum()), 2) for row in half]
        assert np.allclose(scores[:, column], expected)


def test_a_target_that_nothing_was_drawn_for_has_a_small_effective_share():
    logprobs = np.log(np.full((10, 1), 0.1))
    target = np.where(np.arange(10)[:, None] == 3, 0.0, -np.inf)
    found = weighted_scores(np.zeros(10, int), np.zeros(10, int), np.ones(10, bool), target, logprobs, (1, 2))
    assert found.effective[1][0] == pytest.approx(0.1)
    assert found.effective[2][0] == pytest.approx(0.01)


def test_pass_at_1_is_the_intercept_of_a_regression_on_the_weights():
    """The control variate's coefficient of least variance is the slope of numpy's line: failures against weights."""
    draws = np.random.default_rng(5)
    problems, drawn, _ = (each.ravel() for each in np.indices((3, 2, 7)))
    passed = draws.integers(0, 2, len(problems)).astype(float)
    target, proposals = (draws.normal(-3, 1, (len(problems), count)) for count in (4, 2))
    found = weighted_scores(problems, drawn, passed, target, proposals, (1,))
    for column in range(4):
        weights = np.exp(target[:, column]) / np.exp(proposals).mean(1)
        failures = weights * (1 - passed)
        slope = np.polyfit(weights, failures, 1)[0]
        for problem in range(3):
            own = problems == problem
            expected = 1 - (failures[own].mean() - slope * (weights[own].mean() - 1))
            assert found.scores[1][problem, column] == pytest.approx(expected)
        assert found.effective[1][column] == pytest.approx(weights.sum() ** 2 / (weights**2).sum() / len(weights))


def test_unequal_numbers_of_draws_are_refused():
    once = np.zeros(3, int)
    with pytest.raises(ValueError, match="between 1 and 2 draws"):
        weighted_scores(np.array([0, 1, 1]), once, np.ones(3, bool), np.zeros((3, 1)), np.zeros((3, 1)), (1,))


def test_without_a_verdict_a_targets_own_draws_are_those_that_have_one():
    outcomes = np.array([[1, 0, np.nan, 1, 0, 0], [np.nan] * 5 + [1], [1, 1, 0, 0, 0, 0]])
    logprobs = np.linspace(-9, -1, outcomes.size)[:, None]
    problems = np.repeat(np.arange(3), 6)
    found = weighted_scores(problems, np.zeros(18, int), outcomes.ravel(), logprobs, logprobs, (1, 2))
    counts = [(5, 2), (1, 1), (6, 2)]
    for k in (1, 2):
        assert found.scores[k][:, 0] == pytest.approx([pass_at_k(n, c, k) for n, c in counts], nan_ok=True)
        assert found.effective[k] == pytest.approx([12 / 18])


def test_a_block_without_a_verdict_counts_as_if_it_had_not_been_drawn():
    """The third draw of each proposal, in every problem: one of the two has no verdict."""
    draws = np.random.default_rng(1)
    problems, drawn, index = (each.ravel() for each in np.indices((4, 2, 5)))
    passed = draws.integers(0, 2, len(problems)).astype(float)
    target, proposals = (draws.normal(-3, 1, (len(problems), count)) for count in (3, 2))
    rest = index != 2
    expected = weighted_scores(problems[rest], drawn[rest], passed[rest], target[rest], proposals[rest], (1, 2, 4, 5))
    passed[(index == 2) & (drawn == problems % 2)] = np.nan
    found = weighted_scores(problems, drawn, passed, target, proposals, (1, 2, 4, 5))
    for k in (1, 2, 4, 5):
        np.testing.assert_allclose(found.scores[k], expected.scores[k], atol=1e-12)
    np.testing.assert_allclose(found.effective[1], expected.effective[1] * 4 / 5)
    assert np.isnan(found.scores[5]).all()


def test_without_any_verdict_there_is_no_score():
    nothing = np.full(4, np.nan)
    found = weighted_scores(np.zeros(4, int), np.zeros(4, int), nothing, np.zeros((4, 1)), np.zeros((4, 1)), (1, 2))
    assert np.isnan(found.scores[1]).all()
    assert np.isnan(found.scores[2]).all()
    assert (found.effective[1], found.effective[2]) == (0, 0)
