"""What a forward pass gets: sequences in rows, and which positions are scored against what.

An optimizer step's sequences are those that the random order puts together; which of them share a micro-batch is free,
because the loss is divided by the whole step's tokens. So those of similar length do, and little is padded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from accelerate.data_loader import SeedableRandomSampler
from torch.utils.data import Sampler
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

from selfdistill.steps.training.data import IGNORED
from selfdistill.steps.training.target import TrainingTarget


@dataclass(frozen=True)
class Collator:
    """Pads rows, or flattens them to one, and says what is scored."""

    pad_token_id: int
    packing: bool
    target: TrainingTarget
    masked: bool = True
    """Whether padded rows get an attention mask. They need none: padding is on the right, where nothing looks."""

    def __call__(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
        """A micro-batch.

        Returns:
            `input_ids` and `labels` (B, L), what goes with them, and `positions` (N,) of the B * L that are scored:
            the logits of each speak of the token after it.
        """
        base = DataCollatorForLanguageModeling(self.pad_token_id, padding_free=self.packing)
        batch: dict[str, Any] = base(rows)
        if not self.masked:
            batch.pop("attention_mask", None)
        row, column = (batch["labels"][:, 1:] != IGNORED).nonzero(as_tuple=True)
        batch["positions"] = row * batch["labels"].shape[1] + column
        batch |= self.target.collate(rows, batch, flat=self.packing)
        return batch


class SimilarLengths(Sampler[int]):
    """A random order in which the sequences of each optimizer step stand by length.

    Batches of consecutive ones, dealt to processes in turn, are then of similar length over all processes as well.
    """

    def __init__(self, lengths: Sequence[int], step: int, seed: int) -> None:
        """Take the sequences' lengths, how many an optimizer step has over all processes, and the order's seed."""
        self._lengths = lengths
        self._step = step
        self._order = SeedableRandomSampler(range(len(lengths)), generator=torch.Generator(), data_seed=seed)

    def set_epoch(self, epoch: int) -> None:
        """Each epoch has an order of its own."""
        self._order.set_epoch(epoch)

    def __iter__(self) -> Iterator[int]:
        order = list(self._order)
        for start in range(0, len(order), self._step):
            yield from sorted(order[start : start + self._step], key=self._lengths.__getitem__)

    def __len__(self) -> int:
        return len(self._lengths)
