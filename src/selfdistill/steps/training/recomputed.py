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
from selfdistill.models.devices import resolve_device
from selfdistill.models.load import load_model
from selfdistill.processes import local_rank, weights_are_sharded
from selfdistill.recipe.decoding import Decoding, Stages
from selfdistill.recipe.model import ModelSettings
from selfdistill.recipe.training import TrainingSettings
from selfdistill.steps.training.head import Scored, add_scoring
from selfdistill.steps.training.target import TrainingTarget
from selfdistill.steps.training.tiles import Targets


def load_frozen(model: ModelSettings, training: TrainingSettings, attention: str) -> Any | None:
    """The copy of the base that is not trained, as sampling has it; None where the trained model has it in itself.

    Args:
        model: the recipe's model section.
        training: its training section.
        attention: the trained model's, which reads the same rows.

    Raises:
        UserError: the weights are shared out, and a second whole model would not be.
    """
    if training.method != "full":
        return None
    if weights_are_sharded():
        raise UserError(
            "recomputed soft targets of a sharded model need adapters: a second copy would be whole on every GPU",
            where="training.soft_targets",
            fix="set it to stored, or training.method: lora",
        )
    device = resolve_device(model.device)
    if device.type != "cpu" and device.index is None:
        device = torch.device(device.type, local_rank())
    frozen = load_model(model.model_copy(update={"device": str(device)})).requires_grad_(False)
    frozen.set_attn_implementation(attention)
    add_scoring(frozen)
    return frozen


class RecomputedTargets(TrainingTarget):
    """q_s of the base at the scored positions of a micro-batch."""

    def __init__(self) -> None:
        """`begin` loads the base, if it is a model of its own."""
        self._stages: Stages = ()
        self._frozen: Any | None = None

    def begin(self, base: Any, model: ModelSettings, training: TrainingSettings, sampling: Decoding) -> None:
        """See `TrainingTarget.begin`."""
        attention = base.config.get_text_config(decoder=True)._attn_implementation
        self._stages = (sampling,)
        self._frozen = load_frozen(model, training, attention)

    @torch.no_grad()
    def expected(
        self, wrapped: Any, trained: Any, inputs: dict[str, Any], labels: Tensor, positions: Tensor
    ) -> Targets:
        """Read the micro-batch; the result is to be called while the trained model's head is at work."""
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
