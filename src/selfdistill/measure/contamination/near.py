"""Near duplicates: MinHash and locality-sensitive hashing (`datasketch`) propose, the exact similarity decides.

So a proposal that is not near costs time and is never listed; a near pair is missed with a small chance, `MISSED` at
the threshold itself and less above it. Source: Broder 1997; Leskovec et al., Mining of Massive Datasets, ch. 3.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

from selfdistill.measure.contamination.shingles import jaccard

PERMUTATIONS = 128
MISSED = 0.01
"""Chance that a pair exactly at the threshold is not proposed."""


class NearIndex:
    """Sets of shingles, to be searched by similarity."""

    def __init__(self, sets: Sequence[frozenset[str]], threshold: float) -> None:
        from datasketch import MinHash, MinHashLSH  # brings scipy

        self._sets, self._threshold = sets, threshold
        self._blank = MinHash(PERMUTATIONS, hashfunc=_hash)
        self._index = MinHashLSH(threshold, PERMUTATIONS, params=bands(threshold))
        for position, shingles in enumerate(sets):
            if shingles:
                self._index.insert(position, self._sketch(shingles))
        sizes = [len(shingles) for shingles in sets if shingles] or [0]
        self._smallest, self._largest = threshold * min(sizes), max(sizes) / threshold

    def search(self, shingles: frozenset[str]) -> dict[int, float]:
        """Position -> similarity of every set that is near."""
        # No set of such a size can be near: most long completions stop here.
        if not shingles or not self._smallest <= len(shingles) <= self._largest:
            return {}
        proposed = sorted(self._index.query(self._sketch(shingles)))
        similarities = {position: jaccard(shingles, self._sets[position]) for position in proposed}
        return {position: value for position, value in similarities.items() if value >= self._threshold}

    def _sketch(self, shingles: frozenset[str]) -> Any:
        sketch = self._blank.copy()
        sketch.update_batch(shingles)
        return sketch


def bands(threshold: float) -> tuple[int, int]:
    """(bands, rows): as many rows a band, hence as few idle proposals, as keep the chance of missing small.

    A pair of similarity s is proposed with chance 1 - (1 - s^rows)^bands.
    """
    rows = 1
    while rows < PERMUTATIONS // 2 and (1 - threshold ** (rows + 1)) ** (PERMUTATIONS // (rows + 1)) <= MISSED:
        rows += 1
    return PERMUTATIONS // rows, rows


def _hash(shingle: str) -> int:
    """32 bits; datasketch mixes them before it permutes them."""
    return zlib.crc32(shingle.encode("utf-8", "surrogatepass"))
