"""Scores of decodings that nothing was sampled from: programs drawn under a few decodings, weighted for the others.

A program y drawn under proposals p_1 .. p_J (equally many from each) counts for a target decoding t with weight
w = t(y) / mean_j p_j(y), the balance heuristic (Veach and Guibas 1995). That is exact in expectation where the
proposals' supports together cover the target's, and it is exact draw by draw where the target is the only proposal.
How far it can be trusted is the effective sample size: with long programs or far targets a few draws carry everything.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import comb

import numpy as np


@dataclass(frozen=True, slots=True)
class Weighted:
    """Estimates of S target decodings on P problems."""

    scores: dict[int, np.ndarray]
    """k -> (P, S) of pass@k."""
    effective: np.ndarray
    """(S,) effective sample size over the number of draws, in (0, 1]."""


def weighted_scores(
    problems: np.ndarray, passed: np.ndarray, target: np.ndarray, proposals: np.ndarray, ks: tuple[int, ...]
) -> Weighted:
    """Estimate pass@k of every target on every problem.

    Args:
        problems: (N,) index of each draw's problem; every problem has equally many draws.
        passed: (N,) whether the program passed.
        target: (N, S) natural log-probability of the whole program under each target; -inf if it cannot be drawn.
        proposals: (N, J) under each proposal.
        ks: each k of pass@k.

    Raises:
        ValueError: the problems have different numbers of draws.
    """
    counts = np.bincount(problems)
    if len(set(counts.tolist())) != 1:
        raise ValueError(f"between {counts.min()} and {counts.max()} draws a problem")
    order = np.argsort(problems, kind="stable")
    weights = np.exp(target - _log_mean_exp(proposals)[:, None])[order]  # (N, S)
    draws = int(counts[0])
    shape = (len(counts), draws, weights.shape[1])
    table = weights.reshape(shape)
    wrong = ~passed[order].reshape(shape[:2]).astype(bool)
    effective = weights.sum(0) ** 2 / np.maximum((weights**2).sum(0), 1e-300) / len(weights)
    return Weighted({k: _pass_at_k(table, wrong, k) for k in ks}, effective)


def _pass_at_k(weights: np.ndarray, wrong: np.ndarray, k: int) -> np.ndarray:
    """(P, S). 1 - the mean, over all k of a problem's draws, of the product of their weighted failures.

    For k = 1 the known mean of the weights, 1, serves as control variate; for larger k the weights are scaled to it.
    """
    failures = weights * wrong[:, :, None]
    if k == 1:
        share = _control(failures, weights)
        return 1 - (failures.mean(1) - share * (weights.mean(1) - 1))
    scaled = failures / np.maximum(weights.mean((0, 1)), 1e-300)
    return 1 - _mean_product(scaled, k)


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
