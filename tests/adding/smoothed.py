"""A training target: the drawn token nine times in ten, token 7 else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from selfdistill.recipe.training import TrainingSettings
from selfdistill.records import Sample
from selfdistill.steps.training.target import TrainingTarget
from selfdistill.steps.training.tiles import Targets

SHARES = (0.9, 0.1)
OTHER = 7


class Smoothed(TrainingTarget):
    def expected(
        self, wrapped: Any, trained: Any, inputs: dict[str, Any], labels: Tensor, positions: Tensor
    ) -> Targets:
        drawn = labels.flatten()[positions + 1]
        token_ids = torch.stack([drawn, torch.full_like(drawn, OTHER)], dim=1)
        probabilities = torch.tensor(SHARES, device=drawn.device).expand(len(drawn), -1)
        return lambda start, end: (token_ids[start:end], probabilities[start:end])


def load(training: TrainingSettings, directory: Path, samples: Sequence[Sample]) -> Smoothed:
    return Smoothed()
