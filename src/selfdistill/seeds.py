"""Random streams that belong to one item each, so that no draw depends on batch, order, worker or restart.

A stream is numpy's counter-based Philox generator, keyed by a digest of the recipe's seed and the item's own key
(stage, prompt, sample index). Equal keys give equal streams on every machine.

    >>> generator(0, "sample", "prompt-7", 0).random(2)
    array([0.38178754, 0.90752858])
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

import numpy as np

BLOCK = 64  # uniforms drawn from each stream at once: few calls, and little waste when a row ends early


def digest(*parts: str | int) -> bytes:
    """A 16-byte name of a sequence of strings and integers; ("ab", "c") and ("a", "bc") differ."""
    return hashlib.blake2b(json.dumps(parts).encode(), digest_size=16).digest()


def generator(seed: int, *key: str | int) -> np.random.Generator:
    """The independent random stream of one item."""
    return np.random.Generator(np.random.Philox(key=int.from_bytes(digest(seed, *key), "big")))


def integer_seed(seed: int, *key: str | int) -> int:
    """A 63-bit seed of one item, for engines and libraries that take an integer."""
    return int.from_bytes(digest(seed, *key)[:8], "big") >> 1


class UniformRows:
    """Uniform numbers in [0, 1) for a batch of rows: row i at step t always gets number t of stream i."""

    def __init__(self, generators: Sequence[np.random.Generator]) -> None:
        self._generators = list(generators)
        self._block = np.empty((len(self._generators), BLOCK))
        self._columns = np.full(len(self._generators), BLOCK)

    def next(self) -> np.ndarray:
        """One number a row, float64 of shape (rows,)."""
        for row in np.flatnonzero(self._columns == BLOCK):
            self._block[row] = self._generators[row].random(BLOCK)
            self._columns[row] = 0
        numbers: np.ndarray = self._block[np.arange(len(self._columns)), self._columns]
        self._columns += 1
        return numbers

    def replace(self, row: int, stream: np.random.Generator) -> None:
        """Another stream, from its beginning, in this row's place."""
        self._generators[row] = stream
        self._columns[row] = BLOCK

    def keep(self, rows: np.ndarray) -> None:
        """Forget all rows but these (indices), in this order."""
        self._generators = [self._generators[row] for row in rows]
        self._block = self._block[rows]
        self._columns = self._columns[rows]
