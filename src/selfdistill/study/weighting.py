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
    """k -> (P, S) of pass@k; NaN where there are fewer than k draws of each proposal."""
    effective: dict[int, np.ndarray]
    """k -> (S,) in (0, 1]: effective sample size over the number of draws, to the power of k; 1 where only
    a target's own draws count."""


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
        passed: (N,) whether the program passed.
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
    table = weights.reshape(*shape, weights.shape[1])  # (P, J, draws, S)
    wrong = ~passed[order].reshape(shape).astype(bool)
    share = weights.sum(0) ** 2 / np.maximum((weights**2).sum(0), 1e-300) / len(weights)
    own = _own(target, proposals)
    return Weighted(
        {k: _pass_at_1(table, wrong) if k == 1 else _pass_at_k(table, wrong, k, own) for k in ks},
        {k: share if k == 1 else np.where(own >= 0, 1.0, share**k) for k in ks},
    )


def _own(target: np.ndarray, proposals: np.ndarray) -> np.ndarray:
    """(S,) the proposal that is the target itself, or -1."""
    same = [(target == column[:, None]).all(0) for column in proposals.T]  # J times (S,)
    return np.where(np.any(same, axis=0), np.argmax(same, axis=0), -1)


def _pass_at_1(table: np.ndarray, wrong: np.ndarray) -> np.ndarray:
    """(P, S). 1 - the mean of the weighted failures, with the weights' known mean, 1, as control variate."""
    weights = table.reshape(len(table), -1, table.shape[-1])
    failures = (table * wrong[..., None]).reshape(weights.shape)
    return 1 - (failures.mean(1) - _control(failures, weights) * (weights.mean(1) - 1))


def _pass_at_k(table: np.ndarray, wrong: np.ndarray, k: int, own: np.ndarray) -> np.ndarray:
    """(P, S). 1 - the mean, over all k of a problem's blocks, of the product of their failures.

    A block is one draw of each proposal, and the mean of their weighted failures: independent of the other blocks, and
    in expectation the target's chance to fail. Single draws are not, because each proposal's own mean is another. A
    target that was drawn itself is scored by its own draws, unweighted: the usual unbiased estimator.
    """
    if table.shape[2] < k:
        return np.full((len(table), table.shape[-1]), np.nan)
    # Divided by their mean over all problems, which is 1 but for chance.
    scaled = table / np.maximum(table.mean((0, 1, 2)), 1e-300)
    blocks = (scaled * wrong[..., None]).mean(1)  # (P, draws, S)
    itself = np.moveaxis(wrong[:, np.maximum(own, 0)], 1, -1)  # (P, draws, S)
    return 1 - _mean_product(np.where(own >= 0, itself, blocks), k)


def _control(failures: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(S,) the coefficient of the control variate that leaves least variance, pooled over problems."""
    spread = (weights - weights.mean((0, 1))) ** 2
    shared = (failures - failures.mean((0, 1))) * (weights - weights.mean((0, 1)))
    total = spread.mean((0, 1))
    return np.where(total > 0, shared.mean((0, 1)) / np.where(total > 0, total, 1), 0.0)


def _mean_product(values: np.ndarray, k: int) -> np.ndarray:
    """Mean over all k-subsets of axis 1 of their product: an elementary symmetric polynomial, by its recursion."""
    draws = values.shape[1]
    sums = [np.ones((values.shape[0], values.shape[2]))] + [np.zeros((values.shape[0], values.shape[2]))] * k
    for index in range(draws):
        for size in range(min(k, index + 1), 0, -1):
            sums[size] = sums[size] + values[:, index] * sums[size - 1]
    return sums[k] / comb(draws, k)


def _log_mean_exp(values: np.ndarray) -> np.ndarray:
    """(N,) of (N, J); a draw has a finite log-probability under the proposal that it came from."""
    top = values.max(1)
    return top + np.log(np.exp(values - top[:, None]).mean(1))
