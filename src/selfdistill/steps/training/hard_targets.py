"""Hard targets: the drawn tokens, as published."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from selfdistill.records import Sample
from selfdistill.steps.training.target import TrainingTarget
from selfdistill.steps.training.tiles import Targets

if TYPE_CHECKING:
    from selfdistill.recipe.training import TrainingSettings


class HardTargets(TrainingTarget):
    """The token that was drawn has probability 1."""

    def expected(
        self, wrapped: Any, trained: Any, inputs: dict[str, Any], labels: Tensor, positions: Tensor
    ) -> Targets:
        """See `TrainingTarget.expected`."""
        token_ids = labels.flatten()[positions + 1][:, None]
        probabilities = torch.ones_like(token_ids, dtype=torch.float32)
        return lambda start, end: (token_ids[start:end].long(), probabilities[start:end])


def load(training: TrainingSettings, directory: Path, samples: Sequence[Sample]) -> HardTargets:
    """See `target.load_target`."""
    return HardTargets()
