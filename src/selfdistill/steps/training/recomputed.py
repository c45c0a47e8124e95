"""Soft targets made again in training: the frozen base reads each micro-batch, and its head's tiles are decoded.

Nothing is stored while sampling, and a support may be as wide as the vocabulary; in return every step reads its
sequences twice. The base is a second copy of the model, or under adapters the model itself with them off.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor

from selfdistill.decoding.distribution import decode
from selfdistill.errors import UserError
from selfdistill.models.load import load_model, resolve_device
from selfdistill.processes import local_rank, weights_are_sharded
from selfdistill.recipe.decoding import Stages
from selfdistill.recipe.schema import Recipe
from selfdistill.steps.training.head import Scored, add_scoring
from selfdistill.steps.training.tiles import Targets


def load_frozen(recipe: Recipe, attention: str) -> Any | None:
    """The copy of the base that is not trained, as sampling has it; None where the trained model has it in itself.

    Args:
        recipe: the run's.
        attention: the trained model's, which reads the same rows.

    Raises:
        UserError: the weights are shared out, and a second whole model would not be.
    """
    if recipe.training.method != "full":
        return None
    if weights_are_sharded():
        raise UserError(
            "recomputed soft targets of a sharded model need adapters: a second copy would be whole on every GPU",
            where="training.soft_targets",
            fix="set it to stored, or training.method: lora",
        )
    device = resolve_device(recipe.model.device)
    if device.type != "cpu" and device.index is None:
        device = torch.device(device.type, local_rank())
    frozen = load_model(recipe.model.model_copy(update={"device": str(device)})).requires_grad_(False)
    frozen.set_attn_implementation(attention)
    add_scoring(frozen)
    return frozen


class Recomputed:
    """q_s of the base at the scored positions of a micro-batch."""

    def __init__(self, stages: Stages, frozen: Any | None) -> None:
        """Take the sampling decoding, and the base if it is a model of its own."""
        self._stages = stages
        self._frozen = frozen

    @torch.no_grad()
    def targets(self, wrapped: Any, trained: Any, inputs: dict[str, Any], positions: Tensor) -> Targets:
        """Read the micro-batch.

        Args:
            wrapped: the trained model as it is called.
            trained: the same with its adapters, out of what wraps it.
            inputs: of the model.
            positions: (N,), see `Scored`.

        Returns:
            What is to be called while the trained model's head is at work.
        """
        reader, alone = wrapped, nullcontext() if self._frozen is not None else trained.disable_adapter()
        # Sampling has no autocast: a copy reads in its own precision, the model under adapters in training's.
        exact: Any = nullcontext()
        if self._frozen is not None:
            reader, exact = self._frozen, torch.autocast(positions.device.type, enabled=False)
        training = wrapped.training
        wrapped.eval()
        read = Scored(positions, None)
        try:
            with alone, exact:
                reader(**inputs, use_cache=False, scored=read)
        finally:
            wrapped.train(training)

        def targets(start: int, end: int) -> tuple[Tensor, Tensor]:
            assert read.logits is not None
            ranked = decode(read.logits(start, end), self._stages)
            return ranked.token_ids, ranked.probabilities.float()

        return targets
