"""Soft targets: q_s, the base's truncated, tempered distribution at every sampled position; kept while sampling.

Those that are made again in training are in `recomputed.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from selfdistill.engines.base import SparseTargets
from selfdistill.records import Prompt, Sample
from selfdistill.steps.sampling.targets import targets_of
from selfdistill.steps.training.data import sequence
from selfdistill.steps.training.recomputed import RecomputedTargets
from selfdistill.steps.training.target import TrainingTarget
from selfdistill.steps.training.tiles import Targets

if TYPE_CHECKING:
    from selfdistill.recipe.training import TrainingSettings

WIDEST = 128
"""Tokens of a support up to which a whole micro-batch's targets are laid out side by side: some 10 MB for 10,000."""


@dataclass(frozen=True, slots=True)
class TargetStore:
    """q_s at every sampled position of every sample, in one sparse table."""

    starts: np.ndarray
    """(positions + 1,) where each position's entries begin."""
    token_ids: np.ndarray
    """(entries,) int32."""
    probabilities: np.ndarray
    """(entries,) float32."""

    @classmethod
    def of(cls, targets: Sequence[SparseTargets]) -> TargetStore:
        """Join the targets of all samples, in order."""
        sizes = np.concatenate([target.support_sizes for target in targets])
        return cls(
            starts=np.r_[0, sizes.cumsum(dtype=np.int64)],
            token_ids=np.concatenate([target.token_ids for target in targets]),
            probabilities=np.concatenate([target.probabilities for target in targets]),
        )

    def width(self, rows: np.ndarray) -> int:
        """The largest number of entries that one of these positions has."""
        return int((self.starts[rows + 1] - self.starts[rows]).max(initial=0))

    def lookup(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Padded ids (..., K) and probabilities (..., K) of these positions; all zero where a row is -1."""
        flat = rows.reshape(-1)
        sizes = np.where(flat >= 0, self.starts[flat + 1] - self.starts[flat], 0)
        width = max(int(sizes.max(initial=0)), 1)
        within = np.arange(width) < sizes[:, None]
        entries = (self.starts[flat][:, None] + np.arange(width))[within]
        token_ids = np.zeros((len(flat), width), dtype=np.int64)
        probabilities = np.zeros((len(flat), width), dtype=np.float32)
        token_ids[within] = self.token_ids[entries]
        probabilities[within] = self.probabilities[entries]
        return token_ids.reshape(*rows.shape, width), probabilities.reshape(*rows.shape, width)


class StoredTargets(TrainingTarget):
    """Looked up in a `TargetStore`, by a column that says where each token's targets are in it."""

    columns = ("target_rows",)

    def __init__(self, store: TargetStore) -> None:
        """Take the targets of all samples."""
        self._store = store
        self.entries = len(store.token_ids)

    def rows(
        self, prompts: Mapping[str, Prompt], samples: Sequence[Sample], kept: Sequence[int], max_length: int
    ) -> Iterator[dict[str, list[int]]]:
        """With `target_rows` (length,): each label's position in the store, -1 for none."""
        starts = np.r_[0, np.cumsum([len(sample.token_ids) for sample in samples])]
        for index in kept:
            sample = samples[index]
            prompt = prompts[sample.prompt_id]
            row = sequence(prompt, sample, max_length)
            first = int(starts[index])
            rows = [*([-1] * len(prompt.token_ids)), *range(first, first + len(sample.token_ids))]
            yield {**row, "target_rows": rows[:max_length]}

    def collate(self, rows: list[dict[str, Any]], batch: dict[str, Any], *, flat: bool) -> dict[str, Any]:
        """`target_ids` and `target_probabilities` (N, K), or where K would be too large `target_rows` (N,)."""
        stored = _stored_rows(rows, batch["labels"].shape, flat=flat).reshape(-1)[batch["positions"].numpy() + 1]
        if self._store.width(stored) > WIDEST:
            return {"target_rows": torch.from_numpy(stored)}
        token_ids, probabilities = self._store.lookup(stored)
        narrow = token_ids.astype(np.int32)
        return {"target_ids": torch.from_numpy(narrow), "target_probabilities": torch.from_numpy(probabilities)}

    def expected(
        self, wrapped: Any, trained: Any, inputs: dict[str, Any], labels: Tensor, positions: Tensor
    ) -> Targets:
        """See `TrainingTarget.expected`."""
        if "target_rows" in inputs:
            return _looked_up(self._store, inputs.pop("target_rows"))
        token_ids, probabilities = inputs.pop("target_ids"), inputs.pop("target_probabilities")
        return lambda start, end: (token_ids[start:end].long(), probabilities[start:end])


def load(training: TrainingSettings, directory: Path, samples: Sequence[Sample]) -> TrainingTarget:
    """See `target.load_target`."""
    if training.stores_targets:
        return StoredTargets(TargetStore.of(list(targets_of(samples, directory))))
    return RecomputedTargets()


def _stored_rows(rows: list[dict[str, Any]], shape: Sequence[int], *, flat: bool) -> np.ndarray:
    """(B, L) int64: where the store has the targets of each token; -1 for none."""
    found = np.full(tuple(shape), -1, dtype=np.int64)
    listed = [np.concatenate([row["target_rows"] for row in rows])] if flat else None
    for number, row in enumerate(listed or [row["target_rows"] for row in rows]):
        found[number, : len(row)] = row
    return found


def _looked_up(store: TargetStore, rows: Tensor) -> Targets:
    """Wide supports, a tile at a time: laid out for a whole micro-batch they would be larger than its logits."""
    listed: np.ndarray = rows.cpu().numpy()

    def targets(start: int, end: int) -> tuple[Tensor, Tensor]:
        token_ids, probabilities = store.lookup(listed[start:end])
        return torch.from_numpy(token_ids).to(rows.device), torch.from_numpy(probabilities).to(rows.device)

    return targets
