"""The numbers of a model that costs depend on, counted on its own architecture without loading a weight.

Where the configuration cannot be had (no network), the published sizes of the paper's models, and the configurations
of the models in `recipe/models.yaml`, stand in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from selfdistill.errors import UserError
from selfdistill.models.configs import load_config
from selfdistill.models.load import empty_model
from selfdistill.recipe.one_card import known_model

PUBLISHED = {
    "meta-llama/Llama-3.1-8B-Instruct": (8.03e9, 8.03e9, 131072, 1.05e9),
    "Qwen/Qwen3-4B-Instruct-2507": (4.02e9, 4.02e9, 147456, 0.39e9),
    "Qwen/Qwen3-4B-Thinking-2507": (4.02e9, 4.02e9, 147456, 0.39e9),
    "Qwen/Qwen3-30B-A3B-Instruct-2507": (30.5e9, 3.3e9, 98304, 0.62e9),
    "Qwen/Qwen3-30B-A3B-Thinking-2507": (30.5e9, 3.3e9, 98304, 0.62e9),
    "openai/gpt-oss-20b": (20.9e9, 3.6e9, 49152, 1.16e9),
}
"""Parameters, parameters active for one token, bytes of key-value cache for one token in bfloat16, parameters of the
embeddings: from their model cards and configurations (cache: layers x key-value heads x head size x 2 x 2 bytes)."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What activations depend on."""

    layers: int
    hidden: int
    intermediate: int
    """Of the feed-forward block; of a mixture of experts, of all experts that a token passes through."""
    vocabulary: int


@dataclass(frozen=True, slots=True)
class ModelSize:
    """What a model weighs."""

    parameters: float
    active: float
    """Parameters that one token passes through; fewer than all in a mixture of experts."""
    cache_bytes: float
    """Key-value cache of one token, in bfloat16."""
    embeddings: float
    """Parameters of input and output embeddings, once if they are tied; qlora leaves them at full size."""
    source: str
    shape: Shape | None = None
    """Unknown where only published sizes are at hand."""


def model_size(path: str, revision: str | None = None) -> ModelSize:
    """Count a model's parameters.

    Raises:
        UserError: neither its configuration nor its published size is at hand.
    """
    try:
        config = load_config(path, revision)
    except UserError:
        if path in PUBLISHED:
            return ModelSize(*PUBLISHED[path], source="published sizes (no network for its configuration)")
        known = known_model(path)
        if known is None:
            raise
        source = "counted on its configuration as it is written down here (no network for it)"
        return replace(count(_known_config(known.config), path), source=source)
    return count(config, path)


def _known_config(config: Mapping[str, Any]) -> Any:
    from transformers import AutoConfig

    return AutoConfig.for_model(**config)


def _embeddings(model: Any) -> Iterator[Any]:
    for module in (model.get_input_embeddings(), model.get_output_embeddings()):
        if module is not None:
            yield module.weight


def count(config: Any, where: str = "the model") -> ModelSize:
    """Count on an empty model of this configuration; takes no memory for weights."""
    model = empty_model(config, where)
    total = sum(parameter.numel() for parameter in model.parameters())
    experts = sum(parameter.numel() for name, parameter in model.named_parameters() if ".experts." in name)
    text = config.get_text_config(decoder=True)
    number = getattr(text, "num_experts", None) or getattr(text, "num_local_experts", None) or 1
    share = getattr(text, "num_experts_per_tok", number) / number
    head_size = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
    heads = getattr(text, "num_key_value_heads", None) or text.num_attention_heads
    embeddings = {id(weight): weight.numel() for weight in _embeddings(model)}
    return ModelSize(
        parameters=total,
        active=total - experts * (1 - share),
        cache_bytes=2 * 2 * text.num_hidden_layers * heads * head_size,
        embeddings=sum(embeddings.values()),
        source="counted on its configuration",
        shape=_shape(text),
    )


def _shape(text: Any) -> Shape | None:
    """None for architectures whose configuration has other names."""
    experts = getattr(text, "num_experts_per_tok", None)
    inner = getattr(text, "moe_intermediate_size", None) if experts else getattr(text, "intermediate_size", None)
    inner = inner or getattr(text, "intermediate_size", None)
    hidden, layers = getattr(text, "hidden_size", None), getattr(text, "num_hidden_layers", None)
    if not (isinstance(inner, int) and isinstance(hidden, int) and isinstance(layers, int)):
        return None
    return Shape(layers, hidden, inner * (experts or 1), text.vocab_size)
