"""The numbers of a chunk of positions, of both models: what `measures.py` makes and the others read."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from selfdistill.decoding.distribution import Ranked


@dataclass(frozen=True, slots=True)
class Measured:
    """N positions."""

    values: dict[str, Tensor]
    """(N,) float64 each; the names of `records.KindRow`."""
    curves: dict[str, Tensor]
    """`base_mass_curve`, ... (N, ranks); `base_survivors_curve`, `base_entropy_curve`, ... (N, temperatures)."""
    target: Ranked
    """q_s, (N, K)."""
    logprobs: tuple[Tensor, Tensor]
    """(N, V) of base and student, own distributions, float32 or wider."""
    residual: float
    """Largest difference between an identity's sum and the quantity itself."""
