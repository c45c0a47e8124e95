"""From samples to training sequences: the sampled ids, untouched, with a loss on every completion token and no other.

Nothing is tokenised again: text formats would change what was sampled, and end a truncated sample that never ended. The
end-of-turn token is a target exactly where the model produced it, because it is then one of the sampled ids.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from selfdistill.engines.base import SparseTargets
from selfdistill.records import Prompt, Sample

IGNORED = -100
"""Label of a token without loss; PyTorch's convention."""


@dataclass(frozen=True, slots=True)
class DataCounts:
    """What the training data holds; `training-data.json`."""

    sequences: int
    dropped: dict[str, int]
    truncated: int
    """Samples cut off at the sampling limit; they stay in."""
    cut: int
    """Sequences that lost their end to `training.max_length`."""
    prompt_tokens: int
    completion_tokens: int
    targets: str
    target_entries: int = 0
    """Entries of the soft targets; 0 for hard ones."""
    target_bytes: int = 0
    """Their size on disk."""
    agreement: dict[str, Any] | None = None
    """What `training.keep: agreement` found; see docs/agreement.md."""

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return asdict(self)


def sequence(prompt: Prompt, sample: Sample, max_length: int) -> dict[str, list[int]]:
    """`input_ids` and `labels` of one sample, both (length,)."""
    input_ids = [*prompt.token_ids, *sample.token_ids][:max_length]
    labels = [*([IGNORED] * len(prompt.token_ids)), *sample.token_ids][:max_length]
    return {"input_ids": input_ids, "labels": labels}


def hard_rows(
    prompts: Mapping[str, Prompt], samples: Sequence[Sample], kept: Sequence[int], max_length: int
) -> Iterator[dict[str, list[int]]]:
    """Rows of the data set for hard targets."""
    for index in kept:
        sample = samples[index]
        yield sequence(prompts[sample.prompt_id], sample, max_length)


def soft_rows(
    prompts: Mapping[str, Prompt], samples: Sequence[Sample], kept: Sequence[int], max_length: int
) -> Iterator[dict[str, list[int]]]:
    """Rows for soft targets: `target_rows` (length,) is each label's position in the `TargetStore`, -1 for none."""
    starts = np.r_[0, np.cumsum([len(sample.token_ids) for sample in samples])]
    for index in kept:
        sample = samples[index]
        prompt = prompts[sample.prompt_id]
        row = sequence(prompt, sample, max_length)
        first = int(starts[index])
        rows = [*([-1] * len(prompt.token_ids)), *range(first, first + len(sample.token_ids))]
        yield {**row, "target_rows": rows[:max_length]}


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
