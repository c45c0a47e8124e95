"""The families of models that can be written as GGUF, and what llama.cpp takes for granted about each.

A GGUF file names an architecture, and llama.cpp computes what it has under that name, whatever the configuration said.
So everything that a configuration may say and llama.cpp would not do is refused here, by name.
Source: llama.cpp, src/models and its converter from Hugging Face directories.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from selfdistill.errors import UserError
from selfdistill.events import warn

_ATTENTION_BIAS = r"attn_[qkv]\.bias"
_ANY_BIAS = r"(attn_(q|k|v|output)|ffn_(gate|up|down))\.bias"


@dataclass(frozen=True, slots=True)
class Family:
    """One of llama.cpp's architectures."""

    name: str
    """llama.cpp's name for it."""
    activation: str
    """The only one that it computes."""
    biases: str = "(?!)"
    """A regular expression of the biases that it adds."""
    paired: bool = False
    """Rotary dimensions lie in pairs, (0, 1), where transformers has (0, head_dim / 2)."""
    shifted_norms: bool = False
    """Norms hold 1 + w."""


_GELU = "gelu_pytorch_tanh"
FAMILIES = {
    "llama": Family("llama", "silu", biases=_ANY_BIAS, paired=True),
    "mistral": Family("llama", "silu", biases=_ANY_BIAS, paired=True),
    "qwen2": Family("qwen2", "silu", biases=_ATTENTION_BIAS),
    "qwen3": Family("qwen3", "silu"),
    "gemma": Family("gemma", _GELU, shifted_norms=True),
    "gemma2": Family("gemma2", _GELU, shifted_norms=True),
    "gemma3_text": Family("gemma3", _GELU, shifted_norms=True),
}
"""By transformers' `model_type`."""
GEMMA_27B = {"gemma2": 46, "gemma3": 62}
"""Layers of the sizes for which llama.cpp scales attention by hidden size / heads, not by the size of a head."""


def family_of(config: Any, where: str) -> Family:
    """The family of a checkpoint.

    Args:
        config: transformers'.
        where: the model's directory.

    Raises:
        UserError: there is none, or llama.cpp would compute something else than transformers does.
    """
    family = FAMILIES.get(config.model_type)
    if family is None:
        kinds = ", ".join(FAMILIES)
        raise UserError(f"no GGUF of a {config.model_type} model can be written", where=where, fix=f"only of {kinds}")
    activation = getattr(config, "hidden_activation", None) or config.hidden_act
    if activation != family.activation:
        raise _refused(f"activation {activation}, where llama.cpp has {family.activation}", where)
    if family.shifted_norms and family.name != "gemma":
        _check_gemma(config, family, where)
    elif family.name != "gemma" and "sliding_attention" in (getattr(config, "layer_types", None) or ()):
        warn(f"{where}: llama.cpp attends to the whole context, not to the last {config.sliding_window} tokens")
    return family


def check_bias(family: Family, name: str, where: str) -> None:
    """Refuse a bias that llama.cpp would leave out; `name` is the tensor's in the GGUF file.

    Raises:
        UserError: it would.
    """
    if name.endswith(".bias") and not re.search(family.biases, name):
        raise _refused(f"a bias {name}", where)


def head_dim(config: Any) -> int:
    """Of the queries and keys."""
    return int(getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads)


def gemma_scale(name: str, config: Any) -> int:
    """By the inverse root of which llama.cpp scales the attention of Gemma 2 and 3."""
    if config.num_hidden_layers == GEMMA_27B.get(name):
        return int(config.hidden_size // config.num_attention_heads)
    return head_dim(config)


def _check_gemma(config: Any, family: Family, where: str) -> None:
    scale = gemma_scale(family.name, config)
    if config.query_pre_attn_scalar != scale:
        raise _refused(f"query_pre_attn_scalar {config.query_pre_attn_scalar}, where llama.cpp has {scale}", where)
    every = 6 if family.name == "gemma3" else 2
    full = [index for index, kind in enumerate(config.layer_types) if kind == "full_attention"]
    if full != list(range(every - 1, config.num_hidden_layers, every)):
        raise _refused(f"full attention in layers {full}, where llama.cpp has every {every}th", where)
    if family.name == "gemma3":
        local = config.rope_parameters["sliding_attention"]
        if (local["rope_type"], local["rope_theta"]) != ("default", 10000.0):
            raise _refused("rotary positions of its sliding layers that are not of base 10000", where)
        if config.attn_logit_softcapping is not None or config.final_logit_softcapping is not None:
            raise _refused("capped logits", where)


def _refused(what: str, where: str) -> UserError:
    return UserError(f"cannot be exported: it has {what}", where=where)
