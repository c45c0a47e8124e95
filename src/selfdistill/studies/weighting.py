"""Scores of decodings that nothing was sampled from: programs drawn under a few decodings, weighted for the others.

A program y drawn under proposals p_1 .. p_J (equally many from each) counts for a target decoding t with weight
w = t(y) / mean_j p_j(y), the balance heuristic (Veach and Guibas 1995). That is exact in expectation where the
proposals' supports together cover the target's. How far it can be trusted is the effective sample size: with long
programs or far targets a few draws carry everything, and for pass@k the weights of k programs are multiplied.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import comb

import numpy as np


@dataclass(frozen=True, slots=True)
class Weighted:
    """Estimates of S target decodings on P problems."""

    scores: dict[int, np.ndarray]
    """k -> (P, S) of pass@k; NaN where fewer than k draws of each proposal have a verdict."""
    effective: dict[int, np.ndarray]
    """k -> (S,) in [0, 1]: effective sample size over the number of draws, to the power of k; where only a target's
    own draws count, the share of them that has a verdict."""


def weighted_scores(
    problems: np.ndarray,
    drawn: np.ndarray,
    passed: np.ndarray,
    target: np.ndarray,
    proposals: np.ndarray,
    ks: tuple[int, ...],
) -> Weighted:
    """Estimate pass@k of every target on every problem.

    Args:
        problems: (N,) index of each draw's problem.
        drawn: (N,) index of the proposal that it was drawn under; equally many for each problem and proposal.
        passed: (N,) 1 where the program passed and 0 where it failed; NaN where there is no verdict. A block, which is
            one draw of each proposal, is left out where one of its draws has none.
        target: (N, S) natural log-probability of the whole program under each target; -inf if it cannot be drawn.
        proposals: (N, J) under each proposal.
        ks: each k of pass@k.

    Raises:
        ValueError: the problems have different numbers of draws.
    """
    count = proposals.shape[1]
    counts = np.bincount(problems * count + drawn, minlength=(int(problems.max()) + 1) * count)
    if len(set(counts.tolist())) != 1:
        raise ValueError(f"between {counts.min()} and {counts.max()} draws a problem and proposal")
    order = np.lexsort((drawn, problems))
    weights = np.exp(target - _log_mean_exp(proposals)[:, None])[order]  # (N, S)
    shape = (-1, count, int(counts[0]))
    outcomes = passed[order].reshape(shape)
    judged = ~np.isnan(outcomes).any(1)  # (P, draws)
    table = weights.reshape(*shape, weights.shape[1]) * judged[:, None, :, None]  # (P, J, draws, S)
    wrong = outcomes == 0
    share = table.sum((0, 1, 2)) ** 2 / np.maximum((table**2).sum((0, 1, 2)), 1e-300) / len(weights)
    own = _own(target, proposals)
    return Weighted(
        {k: _pass_at_1(table, wrong, judged) if k == 1 else _pass_at_k(table, wrong, judged, k, own) for k in ks},
        {k: share if k == 1 else np.where(own >= 0, judged.mean(), share**k) for k in ks},
    )


def _own(target: np.ndarray, proposals: np.ndarray) -> np.ndarray:
    """(S,) the proposal that is the target itself, or -1."""
    same = [(target == column[:, None]).all(0) for column in proposals.T]  # J times (S,)
    return np.where(np.any(same, axis=0), np.argmax(same, axis=0), -1)


def _pass_at_1(table: np.ndarray, wrong: np.ndarray, judged: np.ndarray) -> np.ndarray:
    """(P, S). 1 - the mean of the weighted failures, with the weights' known mean, 1, as control variate."""
    failures = table * wrong[..., None]
    used = np.broadcast_to(judged[:, None], wrong.shape)
    count = np.where(judged.any(1), used.sum((1, 2)), np.nan)[:, None]
    slope = _control(failures[used], table[used])
    return 1 - (failures.sum((1, 2)) / count - slope * (table.sum((1, 2)) / count - 1))


def _pass_at_k(table: np.ndarray, wrong: np.ndarray, judged: np.ndarray, k: int, own: np.ndarray) -> np.ndarray:
    """(P, S). 1 - the mean, over all k of a problem's blocks, of the product of their failures.

    A block is one draw of each proposal, and the mean of their weighted failures: independent of the other blocks, and
    in expectation the target's chance to fail. Single draws are not, because each proposal's own mean is another. A
    target that was drawn itself is scored by its own draws, unweighted: the usual unbiased estimator.
    """
    # Divided by their mean over all problems, which is 1 but for chance.
    mean = table.sum((0, 1, 2)) / max(1, judged.sum() * table.shape[1])
    blocks = (table / np.maximum(mean, 1e-300) * wrong[..., None]).mean(1)  # (P, draws, S)
    itself = np.moveaxis(wrong[:, np.maximum(own, 0)], 1, -1)  # (P, draws, S)
    return 1 - _mean_product(np.where(own >= 0, itself, blocks) * judged[..., None], judged.sum(1), k)


def _control(failures: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(S,) the control variate's coefficient that leaves least variance, from (draws, S) of all problems."""
    if not len(weights):
        return np.zeros(weights.shape[1])
    spread = weights - weights.mean(0)
    shared = ((failures - failures.mean(0)) * spread).mean(0)
    total = (spread**2).mean(0)
    return np.where(total > 0, shared / np.where(total > 0, total, 1), 0.0)


def _mean_product(values: np.ndarray, counts: np.ndarray, k: int) -> np.ndarray:
    """Mean over all k-subsets of axis 1 of their product: an elementary symmetric polynomial, by its recursion.

    Args:
        values: (P, draws, S); 0 where a draw is not to be counted.
        counts: (P,) draws that are; NaN is returned where they are fewer than k.
        k: size of the subsets.
    """
    draws = values.shape[1]
    sums = [np.ones((values.shape[0], values.shape[2]))] + [np.zeros((values.shape[0], values.shape[2]))] * k
    for index in range(draws):
        for size in range(min(k, index + 1), 0, -1):
            sums[size] = sums[size] + values[:, index] * sums[size - 1]
    subsets = np.array([comb(int(count), k) or np.nan for count in counts])
    return sums[k] / subsets[:, None]


def _log_mean_exp(values: np.ndarray) -> np.ndarray:
    """(N,) of (N, J); a draw has a finite log-probability under the proposal that it came from."""
    top = values.max(1)
    return top + np.log(np.exp(values - top[:, None]).mean(1))
