"""TRL's `SFTTrainer`, given exact ids, and a loss to soft targets where the recipe asks for them.

Imported only by the training stage. Rows come ready made, so TRL's own preparation, which alters raw samples, is off.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from trl import SFTTrainer
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

from selfdistill.training.data import TargetStore
from selfdistill.training.soft import soft_cross_entropy


@dataclass(frozen=True)
class Collator:
    """Pads rows (or flattens packed ones), and looks up their soft targets if there are any."""

    pad_token_id: int
    packing: bool
    store: TargetStore | None

    def __call__(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
        """A batch: `input_ids`, `labels` (B, L); for soft targets `target_ids`, `target_probabilities` (B, L, K)."""
        base = DataCollatorForLanguageModeling(self.pad_token_id, padding_free=self.packing)
        batch: dict[str, Any] = base(rows)
        if self.store is not None:
            positions = np.full(tuple(batch["labels"].shape), -1, dtype=np.int64)
            listed = [np.concatenate([row["target_rows"] for row in rows])] if self.packing else None
            for number, row in enumerate(listed or [row["target_rows"] for row in rows]):
                positions[number, : len(row)] = row
            token_ids, probabilities = self.store.lookup(positions)
            batch["target_ids"] = torch.from_numpy(token_ids)
            batch["target_probabilities"] = torch.from_numpy(probabilities)
        return batch


class SelfDistillationTrainer(SFTTrainer):
    """`SFTTrainer` that also knows soft targets; hard ones go through TRL's loss untouched."""

    def _set_signature_columns_if_needed(self) -> None:
        self._signature_columns = ["input_ids", "labels", "seq_lengths", "target_rows"]

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Mean cross-entropy over the completion tokens of the whole optimizer step, as TRL's."""
        if "target_ids" not in inputs:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        target_ids, probabilities = inputs.pop("target_ids"), inputs.pop("target_probabilities")
        labels = inputs.pop("labels")
        outputs = model(**inputs, use_cache=False)
        # The logits at position i speak of the token at i + 1.
        has_target = labels[:, 1:] != -100
        loss = soft_cross_entropy(
            outputs.logits[:, :-1][has_target], target_ids[:, 1:][has_target], probabilities[:, 1:][has_target]
        )
        count = has_target.sum() if num_items_in_batch is None else num_items_in_batch
        loss = loss / torch.as_tensor(count, device=loss.device).clamp(min=1)
        if self.args.average_tokens_across_devices and num_items_in_batch is not None:
            loss = loss * self.accelerator.num_processes  # DDP averages over processes; the count is over all of them
        return (loss, outputs) if return_outputs else loss
