"""Trackers. transformers drives those that the recipe names; TensorBoard's files go to the run, not to a checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from selfdistill.processes import is_main_process
from selfdistill.recipe.training import TrainingSettings

TENSORBOARD = "tensorboard"


def trackers(settings: TrainingSettings) -> list[str] | str:
    """What transformers is told to report to."""
    return [name for name in settings.report_to if name != TENSORBOARD] or "none"


def tensorboard(settings: TrainingSettings, directory: Path, first_step: int) -> list[Any]:
    """TensorBoard's callback, if it is asked for.

    Args:
        settings: the recipe's.
        directory: where its files go.
        first_step: training continues from here; what an earlier attempt wrote after it does not count.
    """
    if TENSORBOARD not in settings.report_to or not is_main_process():
        return []
    from torch.utils.tensorboard import SummaryWriter
    from transformers.integrations import TensorBoardCallback

    return [TensorBoardCallback(SummaryWriter(log_dir=str(directory), purge_step=first_step))]
