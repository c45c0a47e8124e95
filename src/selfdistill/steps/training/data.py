"""From samples to training sequences: the sampled ids, untouched, with a loss on every completion token and no other.

Nothing is tokenised again: text formats would change what was sampled, and end a truncated sample that never ended. The
end-of-turn token is a target exactly where the model produced it, because it is then one of the sampled ids.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

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
