"""What a recipe's training needs beside the package, found out before hours of sampling rather than after them."""

from __future__ import annotations

from importlib import util
from typing import TYPE_CHECKING

from selfdistill.errors import MissingExtraError, UserError
from selfdistill.models.configs import load_config
from selfdistill.models.load import empty_model
from selfdistill.steps.training.whole import require_whole

if TYPE_CHECKING:
    from selfdistill.recipe.model import ModelSettings
    from selfdistill.recipe.training import LoraSettings, TrainingSettings

TRACKERS = ("tensorboard", "trackio", "wandb")
"""Those that the extra `trackers` brings; transformers knows others."""


def require_extras(model: ModelSettings, training: TrainingSettings) -> None:
    """Make sure that training will find what the recipe asks for.

    Raises:
        MissingExtraError: bitsandbytes, Liger's kernels or a tracker is not installed.
        UserError: nobody knows this tracker, Liger's kernels cannot run, this model cannot be held in 4 bits, the
            adapters' targets are wrong, or a student could not be saved whole.
    """
    require_whole(model)
    for tracker in training.report_to:
        _require_tracker(tracker)
    if training.optimizer == "adamw_8bit" and util.find_spec("bitsandbytes") is None:
        raise MissingExtraError("training.optimizer adamw_8bit", extra="qlora")
    if training.kernels == "liger":
        from selfdistill.steps.training.kernels import require_liger  # brings transformers' models

        require_liger(model)
    if training.method == "qlora":
        from selfdistill.steps.training.quantized import require_quantization  # brings peft

        require_quantization(model)
    if training.method != "full":
        _require_targets(model, training.lora)


def _require_targets(model: ModelSettings, lora: LoraSettings) -> None:
    from selfdistill.steps.training.adapters import lora_targets  # brings peft, which full training does not need

    lora_targets(empty_model(load_config(model.path, model.revision), model.path), lora)


def _require_tracker(tracker: str) -> None:
    if tracker in TRACKERS:
        if util.find_spec(tracker) is None:
            raise MissingExtraError(f"training.report_to {tracker}", extra="trackers")
        return
    from transformers.integrations.integration_utils import INTEGRATION_TO_CALLBACK as KNOWN

    if tracker not in KNOWN:
        raise UserError(
            f"transformers knows no tracker {tracker}",
            where="training.report_to",
            fix=f"known: {', '.join(sorted(KNOWN))}",
        )
