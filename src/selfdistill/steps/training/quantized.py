"""QLoRA's base: linear layers in 4 bits while adapters are trained. Source: Dettmers et al., arXiv 2305.14314.

NF4 with double quantization, as that paper. Only training sees the quantized base: sampling and evaluation use the
model as it is, and the adapters are merged into the full-precision weights. The one place that needs bitsandbytes.
"""

from __future__ import annotations

from importlib import util
from typing import TYPE_CHECKING, Any

import torch

from selfdistill.errors import MissingExtraError, UserError
from selfdistill.models.configs import load_config
from selfdistill.models.devices import resolve_device
from selfdistill.models.load import empty_model, load_model
from selfdistill.processes import local_rank, weights_are_sharded
from selfdistill.steps.training.adapters import stacked_experts

if TYPE_CHECKING:
    from selfdistill.recipe.model import ModelSettings


def require_quantization(model: ModelSettings) -> None:
    """Make sure that the base can be held in 4 bits.

    Raises:
        MissingExtraError: bitsandbytes is not installed.
        UserError: the model's experts are stacked into one parameter, which bitsandbytes leaves at full size.
    """
    if util.find_spec("bitsandbytes") is None:
        raise MissingExtraError("training.method qlora", extra="qlora")
    empty = empty_model(load_config(model.path, model.revision), model.path)
    if stacked_experts(empty):
        raise UserError(
            "qlora cannot hold this mixture of experts in 4 bits: its experts are not linear layers",
            where="training.method",
            fix="set it to lora, or shard the training over several GPUs",
        )


def load_quantized(model: ModelSettings, precision: str) -> Any:
    """The base with its linear layers in 4 bits, the rest in float32, on this process's device.

    Args:
        model: the recipe's.
        precision: of its arithmetic, `fp32` or `bf16`.

    Raises:
        UserError: the processes are to share the weights.
    """
    if weights_are_sharded():
        raise UserError(
            "qlora does not go with sharding: what is in 4 bits stays whole on every GPU",
            where="training.method",
            fix="launch with configs/accelerate/ddp.yaml",
        )
    from transformers import BitsAndBytesConfig

    configuration = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16 if precision == "bf16" else torch.float32,
    )
    device = resolve_device(model.device)
    if device.type != "cpu" and device.index is None:
        device = torch.device(device.type, local_rank())  # accelerate wants to know which one it is
    settings = model.model_copy(update={"dtype": "float32"})
    return load_model(settings, quantization={"quantization_config": configuration, "device_map": {"": device}})


def float32_adapters(model: Any) -> None:
    """Undo TRL's bfloat16 adapters: a step of 5e-6 is less than half of bfloat16's spacing there, and would be lost."""
    for weight in model.parameters():
        if weight.requires_grad:
            weight.data = weight.data.float()
