"""TRL's `SFTTrainer`, given exact ids, with one loss for all kinds of targets that never holds whole logits.

Imported only by the training stage. Rows come ready made, so TRL's own preparation, which alters raw samples, is off.
"""

from __future__ import annotations

from typing import Any

import torch
from trl import SFTTrainer

from selfdistill.steps.training.batches import SimilarLengths
from selfdistill.steps.training.head import Scored
from selfdistill.steps.training.target import TrainingTarget


class SelfDistillationTrainer(SFTTrainer):
    """`SFTTrainer` whose loss is the cross-entropy to a training target, and nothing else."""

    def __init__(
        self,
        *,
        target: TrainingTarget,
        lengths: list[int] | None,
        **arguments: Any,
    ) -> None:
        """Take a model to which `add_scoring` was done, and what `SFTTrainer` wants.

        Args:
            target: what is expected at the scored positions.
            lengths: of the sequences, where those of similar length should share a micro-batch.
            arguments: `SFTTrainer`'s.
        """
        self._target = target
        self._lengths = lengths
        self._trained: Any = None
        super().__init__(**arguments)

    def _set_signature_columns_if_needed(self) -> None:
        self._signature_columns = ["input_ids", "labels", "seq_lengths", *self._target.columns]

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        sampler = super()._get_train_sampler(train_dataset)
        steps = self.args.gradient_accumulation_steps
        if self._lengths is None or steps == 1:
            return sampler
        size = self.args.per_device_train_batch_size * steps * self.args.world_size
        return SimilarLengths(self._lengths, size, self.args.data_seed)

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Mean cross-entropy over the completion tokens of the whole optimizer step."""
        scored = self._scored(model, inputs)
        outputs = model(**inputs, use_cache=False, scored=scored)
        count = len(scored.positions) if num_items_in_batch is None else num_items_in_batch
        loss = outputs.loss / torch.as_tensor(count, device=outputs.loss.device).clamp(min=1)
        if self.args.average_tokens_across_devices and num_items_in_batch is not None:
            loss = loss * self.accelerator.num_processes  # DDP averages over processes; the count is over all of them
        return (loss, outputs) if return_outputs else loss

    def _scored(self, model: Any, inputs: dict[str, Any]) -> Scored:
        """Take from the micro-batch what the model itself does not read."""
        labels, positions = inputs.pop("labels"), inputs.pop("positions")
        if self._trained is None:  # the same object all along, and looking for it takes a walk through its layers
            self._trained = self.accelerator.unwrap_model(model)
        return Scored(positions, self._target.expected(model, self._trained, inputs, labels, positions))
