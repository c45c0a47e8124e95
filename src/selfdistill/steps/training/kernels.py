"""What the layers of a model run and keep: Liger's kernels, what torch.compile makes, and what is not computed twice.

A small model's layers spend most of a step on operations that only pass over memory. The loss needs none of this: it is
in `tiles.py`. The one place that needs liger-kernel.
"""

from __future__ import annotations

from functools import partial
from importlib import util
from typing import Any

from torch.utils.checkpoint import CheckpointPolicy, create_selective_checkpoint_contexts
from transformers.modeling_layers import GradientCheckpointingLayer

from selfdistill.errors import MissingExtraError, UserError
from selfdistill.models.configs import load_config
from selfdistill.models.devices import resolve_device
from selfdistill.recipe.model import ModelSettings


def require_liger(model: ModelSettings) -> None:
    """Make sure that Liger's kernels can run.

    Raises:
        MissingExtraError: liger-kernel is not installed.
        UserError: there is no GPU, or Liger has no kernels for this architecture.
    """
    if resolve_device(model.device).type != "cuda":
        raise UserError("kernels liger needs a GPU", where="training.kernels", fix="set it to none")
    if util.find_spec("liger_kernel") is None:
        raise MissingExtraError("training.kernels liger", extra="liger")
    from liger_kernel.transformers.monkey_patch import MODEL_TYPE_TO_APPLY_LIGER_FN as KNOWN

    kind = load_config(model.path, model.revision).model_type
    if kind not in KNOWN:
        raise UserError(f"Liger has no kernels for {kind}", where="training.kernels", fix="set it to none")


def apply_liger(model: Any) -> None:
    """Give a model Liger's norms, activations and position embeddings; not its loss, which replaces the forward."""
    from liger_kernel.transformers import _apply_liger_kernel_to_instance

    _apply_liger_kernel_to_instance(model=model, fused_linear_cross_entropy=False, cross_entropy=False)


def keep_narrow(model: Any) -> None:
    """Recompute activations in the backward pass, but for attention and products no wider than what they are made of.

    So of a gated layer the two wide products are made twice, and no other.
    """
    contexts = partial(create_selective_checkpoint_contexts, _policy)
    enable = (
        getattr(model, "activation_checkpointing_enable", None) or model.gradient_checkpointing_enable
    )  # by version
    enable({"use_reentrant": False, "context_fn": contexts})


def _policy(context: Any, operation: Any, *inputs: Any, **named: Any) -> CheckpointPolicy:
    name = operation.name() if hasattr(operation, "name") else str(operation)
    # `mm(x, w)`, and `addmm(bias, x, w)`: x (tokens, from), w (from, to).
    factors = {"aten::mm": inputs[:2], "aten::addmm": inputs[1:3]}.get(name)
    narrow = factors is not None and factors[1].shape[-1] <= factors[0].shape[-1]
    kept = narrow or "attention" in name
    return CheckpointPolicy.MUST_SAVE if kept else CheckpointPolicy.PREFER_RECOMPUTE


def compile_layers(model: Any) -> None:
    """Compile each layer when it first runs: layers are alike, so that what is made for one serves all.

    After adapters are put on. Lengths differ from batch to batch, and are left open.
    """
    for module in model.modules():
        if isinstance(module, GradientCheckpointingLayer):
            module.compile(dynamic=True)
