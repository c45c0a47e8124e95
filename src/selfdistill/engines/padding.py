"""Sequences of several lengths in one tensor of token ids."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def padded(sequences: Sequence[tuple[int, ...]], *, left: bool = False) -> Tensor:
    """(rows, width) int64 as wide as the longest, filled up with zeros on the right or on the left."""
    width = max(map(len, sequences))
    ids = torch.zeros((len(sequences), width), dtype=torch.long)
    for row, sequence in enumerate(sequences):
        start = width - len(sequence) if left else 0
        ids[row, start : start + len(sequence)] = torch.tensor(sequence)
    return ids
