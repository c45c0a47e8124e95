"""Distributions of a batch as sparse targets, row by row: the support only, flat arrays, no Python work per token."""

from __future__ import annotations

import numpy as np

from selfdistill.decoding.distribution import Ranked
from selfdistill.engines.base import SparseTargets

Support = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Support sizes (positions,) int32; token ids and probabilities (sum of sizes,), int32 and float32."""


def support(ranked: Ranked, positions: np.ndarray | None = None) -> Support:
    """Of some positions of a batch (all by default), one after the other."""
    chosen = slice(None) if positions is None else positions
    probabilities = ranked.probabilities.float().cpu().numpy()[chosen]
    retained = probabilities > 0
    ids = ranked.token_ids.cpu().numpy()[chosen]
    return retained.sum(-1).astype(np.int32), ids[retained].astype(np.int32), probabilities[retained]


def by_row(rows: np.ndarray, supports: list[Support], count: int) -> list[SparseTargets]:
    """Put positions in the order of their rows; within a row they keep the order in which they came.

    Args:
        rows: (positions,) the row of each position, over all supports.
        supports: as they came.
        count: number of rows.
    """
    order = np.argsort(rows, kind="stable")
    ends = np.bincount(rows, minlength=count).cumsum()
    sizes, ids, probabilities = (np.concatenate([each[part] for each in supports]) for part in range(3))
    starts = sizes.cumsum() - sizes
    sizes, starts = sizes[order], starts[order]
    gather = np.repeat(starts - (sizes.cumsum() - sizes), sizes) + np.arange(sizes.sum())
    ids, probabilities = ids[gather], probabilities[gather]
    entry_ends = np.r_[0, sizes.cumsum()]
    found = []
    for start, end in zip(np.r_[0, ends[:-1]], ends, strict=True):
        span = slice(entry_ends[start], entry_ends[end])
        found.append(SparseTargets(sizes[start:end], ids[span], probabilities[span]))
    return found
