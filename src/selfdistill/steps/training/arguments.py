"""The recipe's training section in the words of transformers and TRL."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import torch
from trl import SFTConfig

from selfdistill.errors import UserError
from selfdistill.models.devices import resolve_device
from selfdistill.processes import process_count, weights_are_sharded
from selfdistill.recipe.training import TrainingSettings
from selfdistill.seeds import integer_seed
from selfdistill.steps.training.tracking import trackers


def training_arguments(
    settings: TrainingSettings, checkpoints: Path, *, device: str, seed: int, name: str
) -> SFTConfig:
    """What the trainer is told.

    Args:
        settings: the recipe's training section.
        checkpoints: the directory that they go to.
        device: the recipe's.
        seed: the recipe's.
        name: the run's, for trackers.

    Raises:
        UserError: a batch cannot be split evenly over the processes, or the optimizer's state would have to be.
    """
    where = resolve_device(device)
    processes = process_count()
    per_step = settings.micro_batch_size * processes
    if settings.batch_size % per_step:
        raise UserError(
            f"batch_size {settings.batch_size} is not a multiple of micro_batch_size {settings.micro_batch_size} "
            f"times {processes} processes",
            where="training",
        )
    drawn = integer_seed(seed, "train") % 2**32
    return SFTConfig(
        output_dir=str(checkpoints),
        max_steps=settings.steps or -1,
        num_train_epochs=settings.epochs or 1,
        per_device_train_batch_size=settings.micro_batch_size,
        gradient_accumulation_steps=settings.batch_size // per_step,
        learning_rate=settings.learning_rate,
        lr_scheduler_type="cosine_with_min_lr",
        # The rate, because the floor itself is looked up in the optimizer, which DeepSpeed wraps.
        lr_scheduler_kwargs={"min_lr_rate": settings.min_learning_rate / settings.learning_rate},
        warmup_steps=settings.warmup_steps,
        optim=_optimizer(settings, where),
        weight_decay=settings.weight_decay,
        adam_beta1=settings.adam_beta1,
        adam_beta2=settings.adam_beta2,
        max_grad_norm=settings.max_grad_norm,
        bf16=settings.precision == "bf16",
        **_named_by_version(settings.gradient_checkpointing is True),
        use_cpu=where.type == "cpu",
        save_strategy="steps",
        save_steps=settings.checkpoint_every,
        save_total_limit=2,
        logging_steps=1,
        disable_tqdm=True,
        report_to=trackers(settings),
        run_name=name,
        seed=drawn,
        data_seed=drawn,
        **_loading(where),
        max_length=None,
        dataset_kwargs={"skip_prepare_dataset": True},  # the rows are exact already
        log_level="error",
    )


def _optimizer(settings: TrainingSettings, device: torch.device) -> str:
    if settings.optimizer == "adamw_8bit":
        if weights_are_sharded():
            raise UserError(
                "adamw_8bit does not go with sharding",
                where="training.optimizer",
                fix="set it to adamw, whose moments are sharded too",
            )
        return "adamw_bnb_8bit"
    return "adamw_torch_fused" if device.type == "cuda" else "adamw_torch"


def _named_by_version(recompute: bool) -> dict[str, Any]:
    """Arguments that not every version of transformers and TRL has, or has by another name and warns."""
    known = inspect.signature(SFTConfig).parameters
    found: dict[str, Any] = {}
    found["activation_checkpointing" if "activation_checkpointing" in known else "gradient_checkpointing"] = recompute
    if "router_aux_loss_coef" in known:
        found["router_aux_loss_coef"] = 0.0  # the loss is the cross-entropy alone, whatever is configured
    return found


def _loading(device: torch.device) -> dict[str, Any]:
    """On a GPU the next micro-batches are put together by another process, so that it does not wait for them."""
    if device.type != "cuda":
        return {"dataloader_pin_memory": False}
    return {"dataloader_pin_memory": True, "dataloader_num_workers": 1, "dataloader_prefetch_factor": 4}
