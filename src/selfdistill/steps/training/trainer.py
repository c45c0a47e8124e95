"""TRL's `SFTTrainer`, given exact ids, with one loss for hard and soft targets that never holds whole logits.

Imported only by the training stage. Rows come ready made, so TRL's own preparation, which alters raw samples, is off.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from trl import SFTTrainer

from selfdistill.steps.training.batches import SimilarLengths
from selfdistill.steps.training.data import TargetStore
from selfdistill.steps.training.head import Scored
from selfdistill.steps.training.recomputed import Recomputed
from selfdistill.steps.training.tiles import Targets


class SelfDistillationTrainer(SFTTrainer):
    """`SFTTrainer` whose loss is the cross-entropy to hard or soft targets, and nothing else."""

    def __init__(
        self,
        *,
        store: TargetStore | None,
        recomputed: Recomputed | None,
        lengths: list[int] | None,
        **arguments: Any,
    ) -> None:
        """Take a model to which `add_scoring` was done, and what `SFTTrainer` wants.

        Args:
            store: soft targets that were stored.
            recomputed: what makes them again instead.
            lengths: of the sequences, where those of similar length should share a micro-batch.
            arguments: `SFTTrainer`'s.
        """
        self._store = store
        self._recomputed = recomputed
        self._lengths = lengths
        super().__init__(**arguments)

    def _set_signature_columns_if_needed(self) -> None:
        self._signature_columns = ["input_ids", "labels", "seq_lengths", "target_rows"]

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
        if self._recomputed is not None:
            trained = self.accelerator.unwrap_model(model)
            return Scored(positions, self._recomputed.targets(model, trained, inputs, positions))
        if "target_rows" in inputs:
            assert self._store is not None
            return Scored(positions, _looked_up(self._store, inputs.pop("target_rows")))
        if "target_ids" in inputs:
            token_ids, probabilities = inputs.pop("target_ids"), inputs.pop("target_probabilities")
        else:
            token_ids = labels.flatten()[positions + 1][:, None]
            probabilities = torch.ones_like(token_ids, dtype=torch.float32)
        return Scored(positions, lambda start, end: (token_ids[start:end].long(), probabilities[start:end]))


def _looked_up(store: TargetStore, rows: Tensor) -> Targets:
    """Wide supports, a tile at a time: laid out for a whole micro-batch they would be larger than its logits."""
    listed: np.ndarray = rows.cpu().numpy()

    def targets(start: int, end: int) -> tuple[Tensor, Tensor]:
        token_ids, probabilities = store.lookup(listed[start:end])
        return torch.from_numpy(token_ids).to(rows.device), torch.from_numpy(probabilities).to(rows.device)

    return targets
