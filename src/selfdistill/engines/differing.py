"""How far logits are from what they should be."""

from __future__ import annotations

import torch
from torch import Tensor


def relative_errors(logits: Tensor, expected: Tensor) -> Tensor:
    """Root mean square over the vocabulary of the difference, by the spread of what was expected: (positions,) float32.

    Args:
        logits, expected: (positions, V); where -inf is expected, a model never says that token.
    """
    expected = expected.float()
    finite = expected.isfinite()
    count = finite.sum(-1)
    error = torch.where(finite, logits.float() - expected, 0.0).square().sum(-1) / count
    centred = torch.where(finite, expected - torch.where(finite, expected, 0.0).sum(-1, True) / count[:, None], 0.0)
    relative = (error / (centred.square().sum(-1) / count)).sqrt().nan_to_num(nan=float("inf"))
    return relative.masked_fill(error == 0, 0.0)
