"""The recipe's section on the base model."""

from __future__ import annotations

from typing import Literal

from selfdistill.recipe.section import Section


class ModelSettings(Section):
    """The base model, p0."""

    path: str
    """`embedded`, a local Hugging Face directory, a hub id, or a GGUF file, which is dequantised (docs/export.md)."""
    revision: str | None = None
    """Branch, tag or commit on the hub."""
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """Of the weights in sampling and evaluation. `auto` takes the checkpoint's on a GPU; on a CPU float32, or bfloat16
    where the checkpoint is in it and this CPU turns out to be faster in it, which a run keeps from then on."""
    device: str = "auto"
    """`auto` (a GPU if there is one), `cpu`, `cuda`, `cuda:1`, `mps`."""
    attention: str | None = None
    """transformers' attn_implementation, e.g. `sdpa`, `eager`, `flash_attention_2`; unset leaves it to transformers."""
