"""Which weights low-rank adapters go on, and what share of the model that is.

Since version 5 transformers holds the experts of a layer as one parameter, which is no linear layer. PEFT's own
`all-linear` passes them over, or takes them and drops the linear layers that have the names of former experts. So the
weights are chosen here, and handed to PEFT by their whole names. Source: Hu et al., arXiv 2106.09685.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import torch
from peft import LoraConfig
from transformers.pytorch_utils import Conv1D

from selfdistill.errors import UserError

if TYPE_CHECKING:
    from selfdistill.recipe.training import LoraSettings

ALL_LINEAR = "all-linear"
_EXPERTS = re.compile("expert", re.IGNORECASE)
NAMED = 4
"""Kinds of matrices that `Targets` names as left out."""


@dataclass(frozen=True, slots=True)
class Targets:
    """What is adapted, by whole names."""

    modules: tuple[str, ...]
    """Linear layers and embeddings."""
    stacked: tuple[str, ...]
    """Parameters that hold the matrices of several experts."""
    adapted: int
    """Numbers in all of these."""
    total: int
    """Numbers in the model."""
    left_out: tuple[str, ...]
    """Kinds of matrices that stay as they are, the largest first: `embed_tokens`, `mlp.router`."""

    @property
    def share(self) -> float:
        """Of the model's numbers, those in adapted matrices."""
        return self.adapted / self.total

    def __str__(self) -> str:
        rest = f"; as they are: {', '.join(self.left_out)}" if self.left_out else ""
        return f"adapters on {100 * self.share:.1f} % of the model's weights{rest}"


def lora_targets(model: Any, settings: LoraSettings) -> Targets:
    """Find the weights that the recipe wants adapted.

    Args:
        model: the base, whole, quantized or sharded, or an empty one of its configuration.
        settings: `target_modules` names them. `all-linear`: every linear layer of the language model but the output's,
            and its stacked experts.

    Raises:
        UserError: a name is no weight's, or the output layer's, which gives the loss and no logits; or experts are to
            be adapted with dropout, which PEFT cannot do.
    """
    layers = {name: module.weight for name, module in model.named_modules() if _is_linear(module)}
    stacked = stacked_experts(model)
    if settings.target_modules == ALL_LINEAR:
        chosen = _every_linear(model, [*layers, *stacked])
    else:
        embeddings = {name: m.weight for name, m in model.named_modules() if isinstance(m, torch.nn.Embedding)}
        layers |= embeddings
        chosen = _named(settings.target_modules, [*layers, *stacked])
    output = next((name for name, module in model.named_modules() if module is model.get_output_embeddings()), None)
    if output in chosen:
        raise UserError(
            f"the output layer {output} cannot be adapted: training never asks it for logits",
            where="training.lora.target_modules",
            fix=f"leave {_leaf(str(output))} out, or set training.method: full",
        )
    experts = tuple(name for name in chosen if name in stacked)
    if experts and settings.dropout:
        raise UserError(
            f"adapters of stacked experts ({_kind(experts[0])}) go without dropout",
            where="training.lora.dropout",
            fix="set it to 0, or name other training.lora.target_modules",
        )
    weights = {id(weight): weight for weight in map({**layers, **stacked}.__getitem__, chosen)}
    rest: Counter[str] = Counter()
    for name, weight in model.named_parameters():
        if id(weight) not in weights and len(_shape(weight)) > 1:
            rest[_kind(name)] += prod(_shape(weight))
    return Targets(
        modules=tuple(name for name in chosen if name not in stacked),
        stacked=experts,
        adapted=sum(prod(_shape(weight)) for weight in weights.values()),
        total=sum(prod(_shape(weight)) for weight in model.parameters()),
        left_out=tuple(kind for kind, _ in rest.most_common(NAMED)),
    )


def lora_config(model: Any, settings: LoraSettings, targets: Targets) -> LoraConfig:
    """PEFT's configuration for these targets."""
    taken = {leaf for leaf in {_leaf(name) for name in targets.modules} if _means_experts(leaf, model)}
    by_weight = [f"{name}.weight" for name in targets.modules if _leaf(name) in taken]
    return LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        fan_in_fan_out=bool(targets.modules)
        and all(isinstance(model.get_submodule(n), Conv1D) for n in targets.modules),
        target_modules=[name for name in targets.modules if _leaf(name) not in taken],
        target_parameters=[*targets.stacked, *by_weight] or None,
        task_type="CAUSAL_LM",
    )


def _is_linear(module: Any) -> bool:
    """A layer that gives what a linear layer does: routers may inherit from one and give a choice of experts."""
    return isinstance(module, (torch.nn.Linear, Conv1D)) and "Router" not in type(module).__name__


def stacked_experts(model: Any) -> dict[str, Any]:
    """Matrices, one on another, that modules of experts hold as parameters of their own."""
    return {
        f"{module_name}.{name}": weight
        for module_name, module in model.named_modules()
        if _EXPERTS.search(module_name) or _EXPERTS.search(type(module).__name__)
        if not isinstance(module, (torch.nn.Linear, torch.nn.Embedding, torch.nn.modules.conv._ConvNd))
        for name, weight in module.named_parameters(recurse=False)
        if "bias" not in name and len(_shape(weight)) in (2, 3)
    }


def _every_linear(model: Any, names: list[str]) -> list[str]:
    """Those in the language model, because what sees pictures is not trained, and not the output layer."""
    modules = dict(model.named_modules())
    decoder = next((name for name, module in modules.items() if module is model.get_decoder()), "")
    inside = [name for name in names if name.startswith(f"{decoder}.")] or names
    output = model.get_output_embeddings()
    return [name for name in inside if modules.get(name) is not output and not _read_by_kernel(name, modules)]


def _read_by_kernel(name: str, modules: dict[str, Any]) -> bool:
    """Whether a state space's kernel reads this layer's weight itself, past any adapter."""
    state_space = modules[name.rpartition(".")[0]]
    return _leaf(name) in ("dt_proj", "out_proj") and hasattr(state_space, "A_log") and hasattr(state_space, "D")


def _named(wanted: str | tuple[str, ...], names: list[str]) -> list[str]:
    """Names that end in one of these, or that a regular expression matches."""
    if isinstance(wanted, str):
        try:
            found = [name for name in names if re.fullmatch(wanted, name)]
        except re.error as error:
            raise UserError(
                f"{wanted!r} is no regular expression: {error}", where="training.lora.target_modules"
            ) from error
        missing = [] if found else [wanted]
    else:
        endings = tuple(f".{each}" for each in wanted)
        found = [name for name in names if f".{name}".endswith(endings)]
        missing = [each for each in wanted if not any(f".{name}".endswith(f".{each}") for name in names)]
    if missing:
        kinds = dict.fromkeys(_kind(name) for name in names)
        raise UserError(
            f"no weight of the model is named {', '.join(missing)}; there are {', '.join(kinds)}",
            where="training.lora.target_modules",
        )
    return found


def _means_experts(leaf: str, model: Any) -> bool:
    """Whether PEFT takes a layer of this name for the model's experts, which once had it; then its weight is named."""
    try:
        from peft.utils.transformers_weight_conversion import convert_peft_config_for_transformers
    except ImportError:  # before PEFT knew of it
        return False
    config = LoraConfig(target_modules=[f"layer.{leaf}"])
    try:
        convert_peft_config_for_transformers(config, model, None)
    except ValueError:  # it wants the names of all matrices that were stacked into one
        return True
    return f"layer.{leaf}" not in config.target_modules


def _shape(weight: Any) -> tuple[int, ...]:
    """As it is when it is neither in 4 bits nor sharded by DeepSpeed."""
    quantized = getattr(weight, "quant_state", None)
    return tuple(quantized.shape if quantized is not None else getattr(weight, "ds_shape", weight.shape))


def _leaf(name: str) -> str:
    return name.rpartition(".")[2]


def _kind(name: str) -> str:
    """A weight's name without its layer: `mlp.experts.gate_up_proj`."""
    return re.split(r"\.\d+\.", name)[-1].removeprefix("model.").removesuffix(".weight")
