"""Cross-entropy to soft or hard targets from hidden states, without the logits of more than a tile of positions.

A tile's logits are made, turned into their own gradient in place, and multiplied away: into the gradient of the hidden
states and, where the head is trained, into one gradient of its weight. All of that happens in the forward pass, so
nothing is made twice; the backward pass only scales. What has the vocabulary's width is never larger than a tile, but
for the head's weight and its gradient.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

TILE_ON_CPU = 2**25
TILE = 2**27
"""Logits of a tile: 256 MB in bfloat16, some 900 positions of a vocabulary of 150,000."""

Targets = Callable[[int, int], tuple[Tensor, Tensor]]
"""Token ids (n, K) int64 and probabilities (n, K) float32 of positions from one up to another, 0 <= start < end <= N.
Each row sums to 1; entries of probability 0 pad."""


@dataclass(frozen=True, slots=True)
class Transform:
    """What a model does to the output of its head: y = cap * tanh(scale * z / cap), or scale * z without a cap."""

    scale: float = 1.0
    cap: float | None = None

    def __call__(self, z: Tensor) -> Tensor:
        """Logits (...) float32 of the head's output (...), which may be the same tensor."""
        y = z.float() if self.scale == 1 else z.float() * self.scale
        return y if self.cap is None else self.cap * torch.tanh(y / self.cap)

    def slope(self, z: Tensor) -> Tensor | float:
        """dy/dz (...) at z (...)."""
        if self.cap is None:
            return self.scale
        return self.scale * (1 - torch.tanh(z.float() * (self.scale / self.cap)).square())


def tile_rows(device: torch.device, vocabulary: int) -> int:
    """Positions of a tile."""
    return max(1, (TILE_ON_CPU if device.type == "cpu" else TILE) // vocabulary)


def arithmetic(hidden: Tensor) -> torch.dtype:
    """The type in which matrices are multiplied with these states: autocast's, or their own."""
    kind = hidden.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else hidden.dtype


def tiled_cross_entropy(hidden: Tensor, head: nn.Linear, targets: Targets, transform: Transform) -> Tensor:
    """-sum_v q(v) log p(v), summed over positions.

    Args:
        hidden: (N, H), what the head is given; N may be 0.
        head: weight (V, H) and maybe a bias (V,), whole on this device.
        targets: q.
        transform: between the head's output and the logits.

    Returns:
        A scalar float32, in nats; differentiable in `hidden` and in the head's parameters that are trained.
    """
    apply: Callable[..., Tensor] = _TiledCrossEntropy.apply
    return apply(hidden, head.weight, head.bias, targets, transform, arithmetic(hidden), torch.is_grad_enabled())


class _TiledCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        targets: Targets,
        transform: Transform,
        dtype: torch.dtype,
        differentiable: bool,
    ) -> Tensor:
        with torch.autocast(hidden.device.type, enabled=False):
            wanted = [differentiable and needed for needed in ctx.needs_input_grad[:3]]
            loss, gradients = _sweep(hidden, weight, bias, targets, transform, dtype, wanted)
        ctx.kinds = [None if each is None else each.dtype for each in (hidden, weight, bias)]
        ctx.save_for_backward(*gradients)
        return loss

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> Any:
        scaled = [
            None if gradient is None else gradient.mul_(upstream[0]).to(kind)  # is used once
            for gradient, kind in zip(ctx.saved_tensors, ctx.kinds, strict=True)
        ]
        return (*scaled, None, None, None, None)


def _sweep(
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    targets: Targets,
    transform: Transform,
    dtype: torch.dtype,
    wanted: list[bool],
) -> tuple[Tensor, list[Tensor | None]]:
    """The loss and its gradients, float32 where they are sums over tiles; None where not wanted."""
    count, (vocabulary, _) = len(hidden), weight.shape
    narrow, narrow_bias = weight.to(dtype), None if bias is None else bias.to(dtype)
    grad_hidden = torch.empty_like(hidden, dtype=torch.float32) if wanted[0] else None
    grad_weight = torch.zeros_like(weight, dtype=torch.float32) if wanted[1] else None
    grad_bias = torch.zeros_like(bias, dtype=torch.float32) if bias is not None and wanted[2] else None
    losses = [hidden.new_zeros((), dtype=torch.float32)]
    rows = tile_rows(hidden.device, vocabulary)
    for start in range(0, count, rows):
        end = min(start + rows, count)
        given = hidden[start:end].to(dtype)
        z = nn.functional.linear(given, narrow, narrow_bias)  # (n, V)
        loss, slope = _score(z, *targets(start, end), transform, differentiable=any(wanted))
        losses.append(loss)
        if slope is None:
            continue
        if grad_hidden is not None:
            grad_hidden[start:end] = slope @ narrow
        if grad_weight is not None:
            _add_product(grad_weight, slope.t(), given)
        if grad_bias is not None:
            grad_bias += slope.sum(0, dtype=torch.float32)
    return torch.stack(losses).sum(), [grad_hidden, grad_weight, grad_bias]


def _score(
    z: Tensor, token_ids: Tensor, probabilities: Tensor, transform: Transform, *, differentiable: bool
) -> tuple[Tensor, Tensor | None]:
    """The loss of a tile (n, V), and its gradient in place of the tile.

    At retained tokens the gradient p - q is computed in float32: p alone, rounded to bfloat16, would lose it where the
    model is already right.
    """
    z_retained = z.gather(-1, token_ids)
    retained = transform(z_retained)
    mass = probabilities.sum(-1)
    log_normalizer = _fused(_log_normalizer, z.device.type)(z, transform.scale, transform.cap)
    loss = (mass * log_normalizer - (probabilities * retained).sum(-1)).sum()
    if not differentiable:
        return loss, None
    p = (retained - log_normalizer[:, None]).exp()
    slope = (p * mass[:, None] - probabilities) * transform.slope(z_retained)
    # What pads repeats the row's first entry, so that a token is not written twice with different numbers.
    padding = probabilities == 0
    token_ids = torch.where(padding, token_ids[:, :1], token_ids)
    slope = torch.where(padding, slope[:, :1], slope)
    shift = log_normalizer - mass.log()  # so that the gradient's exponential is of p and mass at once
    gradient = _fused(_gradient, z.device.type)(z, shift, transform.scale, transform.cap)
    return loss, gradient.scatter_(-1, token_ids, slope.to(gradient.dtype))


def _log_normalizer(z: Tensor, scale: float, cap: float | None) -> Tensor:
    """(n,) float32."""
    return Transform(scale, cap)(z).logsumexp(-1)


def _gradient(z: Tensor, shift: Tensor, scale: float, cap: float | None) -> Tensor:
    """exp(y - shift) dy/dz (n, V) in the type of z, which it may overwrite."""
    transform = Transform(scale, cap)
    slope = transform.slope(z)
    exponential = transform(z).sub_(shift[:, None]).exp_()
    return (exponential if transform == Transform() else exponential.mul_(slope)).to(z.dtype)


def _add_product(total: Tensor, left: Tensor, right: Tensor) -> None:
    """total += left @ right, in float32; where the device can, without rounding the product first."""
    if left.dtype == total.dtype:
        total.addmm_(left, right)
    elif left.device.type == "cuda":
        torch.addmm(total, left, right, out_dtype=torch.float32, out=total)
    else:
        total += left @ right


@cache
def _fused(function: Callable[..., Tensor], kind: str) -> Callable[..., Tensor]:
    """On a GPU with Triton, the function as one kernel: each of its operations alone is a pass over memory."""
    from torch.utils._triton import has_triton

    return torch.compile(function, dynamic=True) if kind == "cuda" and has_triton() else function
