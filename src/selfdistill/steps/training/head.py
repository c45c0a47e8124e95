"""A model that scores its own predictions: its head gives the loss to given targets in place of logits.

The loss is computed where the head is called, inside the model's own forward pass. So whatever holds the weights in
parts (FSDP, ZeRO-3) has put the head's together, what the model does before its head is in, and no logits leave the
model. What it does to them after its head is read from its configuration, as TRL does, and checked once against the
model's own logits of a few positions; where the two differ, the logits of the scored positions are made after all.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn
from transformers.modeling_outputs import CausalLMOutput

from selfdistill.events import warn
from selfdistill.steps.training.soft import soft_cross_entropy
from selfdistill.steps.training.tiles import Targets, Transform, arithmetic, tiled_cross_entropy

PROBED = 8
"""Positions whose logits are compared with the model's own."""
TOLERANCE = {torch.float32: 1e-3, torch.float64: 1e-3}
TOLERANCE_OF_HALVES = 3e-2
"""Largest difference that may be rounding, as a share of the largest logit."""


class Scored:
    """What the model is to score. No dataclass, so that nothing on the way casts what is in it to half precision."""

    def __init__(self, positions: Tensor, targets: Targets | None) -> None:
        """Take positions (N,) int64 of the micro-batch, its rows one after the other, and what is expected at each.

        Without targets there is no loss: the model only reads, and leaves `logits`.
        """
        self.positions = positions
        self.targets = targets
        self.logits: Callable[[int, int], Tensor] | None = None
        """Of positions from one up to another, (n, V) float32. To be called where the head's weight is whole."""


@dataclass
class _Call:
    """What one forward pass is asked for, and what its head found."""

    scored: Scored
    loss: Tensor | None = None
    hidden: Tensor | None = None
    """What the head was given at the scored positions (N, H), where the model only reads."""
    probe: Tensor | None = None
    """The head's output at a few positions, (1, n, V)."""
    selected: bool = False
    """The head was called for the scored positions alone."""


class _Scorer:
    """What a model and its head share."""

    def __init__(self, model: Any, head: Any) -> None:
        self.kind = type(model).__name__
        self.transform = logit_transform(model.config)
        self.own_head = head.forward if head is not None else None
        # Not what is in 4 bits, nor what has an adapter on it: their weight is not all that they multiply by.
        self.tiled = isinstance(head, nn.Linear) and head.weight.is_floating_point() and not hasattr(head, "base_layer")
        self.checked = False
        self.call: _Call | None = None

    def head(self, head: Any, hidden: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """In the place of the head's forward: (..., V) of hidden states (..., H)."""
        assert self.own_head is not None
        call = self.call
        if call is None:
            return self.own_head(hidden, *args, **kwargs)
        chosen = hidden.reshape(-1, hidden.shape[-1]).index_select(0, call.scored.positions)
        if not self.tiled:
            call.selected = True
            return self.own_head(chosen[None])
        if call.scored.targets is None:
            call.hidden = chosen.to(arithmetic(chosen))
        else:
            call.loss = tiled_cross_entropy(chosen, head, call.scored.targets, self.transform)
        if self.checked or not len(chosen):
            return hidden.new_empty(1, 0, head.weight.shape[0])
        with torch.no_grad():
            call.probe = self.own_head(chosen[None, :PROBED])
        return call.probe

    def outcome(self, logits: Tensor, head: Any) -> CausalLMOutput:
        """What the model returns."""
        assert self.call is not None
        scored, hidden, loss = self.call.scored, self.call.hidden, self.call.loss
        if loss is None and hidden is None:
            rows = _rows(logits, self.call)
            if scored.targets is not None:
                loss = soft_cross_entropy(rows, *scored.targets(0, len(rows))) if len(rows) else rows.sum()
            else:
                scored.logits = lambda start, end: rows[start:end].float()
        if hidden is not None:
            scored.logits = _logits(hidden, head, self.transform)
        return CausalLMOutput(loss=logits.new_zeros(()) if loss is None else loss)

    def mistaken(self, own: Tensor) -> bool:
        """Whether the model's own logits of the probe are not what they were taken for; then this is mended."""
        assert self.call is not None
        probe, self.checked = self.call.probe, self.checked or self.call.probe is not None
        if probe is None or _agrees(own, self.transform(probe)):
            return False
        self.transform = Transform()  # some models do not heed what their configuration says
        if not _agrees(own, self.transform(probe)):
            self.tiled = False
            warn(
                f"training holds the logits of all completion positions at once: what {self.kind} does to the output "
                "of its head is not known here"
            )
        return True


def _agrees(own: Tensor, expected: Tensor) -> bool:
    if own.shape != expected.shape:
        return False
    own, tolerance = own.float(), TOLERANCE.get(own.dtype, TOLERANCE_OF_HALVES)
    near = (own - expected).abs().amax() <= tolerance * own.abs().amax()
    return bool(near & own.isfinite().all())


def logit_transform(config: Any) -> Transform:
    """What a model of this configuration does to its head's output, by the names that transformers has for it."""
    text = config.get_text_config(decoder=True)
    factors = (getattr(text, name, None) for name in ("logit_scale", "output_multiplier", "lm_head_multiplier"))
    scale = next((float(factor) for factor in factors if factor is not None), None)
    divisor = getattr(text, "logits_scaling", None)
    if scale is None and divisor is not None:
        scale = float(divisor) if text.model_type == "hyperclovax" else 1 / divisor
    cap = getattr(text, "final_logit_softcapping", None)
    return Transform(1.0 if scale is None else scale, None if cap is None else float(cap))


def add_scoring(model: Any) -> None:
    """Teach a causal language model to score: `model(..., scored=Scored(...))` returns the summed loss, and no logits.

    Before the model is wrapped in adapters. Without `scored`, it does what it did.
    """
    head = model.get_output_embeddings()
    scorer = _Scorer(model, head)
    own_forward = model.forward

    @functools.wraps(type(model).forward)  # the trainer asks for its signature
    def forward(self: Any, *args: Any, scored: Scored | None = None, **kwargs: Any) -> Any:
        if scored is None:
            return own_forward(*args, **kwargs)
        scorer.call = _Call(scored)
        try:
            logits = own_forward(*args, **kwargs).logits
            if scorer.mistaken(logits):
                scorer.call = _Call(scored)
                logits = own_forward(*args, **kwargs).logits
            return scorer.outcome(logits, head)
        finally:
            scorer.call = None

    model.forward = MethodType(forward, model)
    if head is not None:
        head.forward = MethodType(scorer.head, head)


def _rows(logits: Tensor, call: _Call) -> Tensor:
    """The scored positions' (N, V), of theirs or of all where the model has gone past its head."""
    rows = logits.reshape(-1, logits.shape[-1])
    return rows if call.selected else rows.index_select(0, call.scored.positions)


def _logits(hidden: Tensor, head: Any, transform: Transform) -> Callable[[int, int], Tensor]:
    @functools.cache
    def narrow() -> tuple[Tensor, Tensor | None]:
        return head.weight.to(hidden.dtype), None if head.bias is None else head.bias.to(hidden.dtype)

    return lambda start, end: transform(nn.functional.linear(hidden[start:end], *narrow()))
