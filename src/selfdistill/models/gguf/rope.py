"""Rotary position embeddings that are stretched: transformers' settings, and what a GGUF file holds of them.

llama.cpp has linear and YaRN stretching as metadata. Llama 3's it has as a tensor of divisors, one a frequency, from
which transformers' four numbers are found again here; transformers itself reads none of this from a GGUF file.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from selfdistill.errors import UserError

LLAMA_3 = {"low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}
"""Of every Llama 3 that has a stretched context; only the factor differs."""


def llama3_divisors(rope: Mapping[str, Any], head_dim: int) -> np.ndarray:
    """What each frequency is divided by, `(head_dim / 2,)`. Source: transformers, `_compute_llama3_parameters`."""
    inverse = 1.0 / float(rope["rope_theta"]) ** (np.arange(0, head_dim, 2, dtype=np.float64) / head_dim)
    lengths = 2 * math.pi / inverse
    low, high = float(rope["low_freq_factor"]), float(rope["high_freq_factor"])
    context, factor = float(rope["original_max_position_embeddings"]), float(rope["factor"])
    smooth = np.clip((context / lengths - low) / (high - low), 0.0, 1.0)
    return (1.0 / ((1.0 - smooth) / factor + smooth)).astype(np.float32)


def rope_settings(metadata: Mapping[str, Any], divisors: np.ndarray | None, theta: float, where: str) -> dict[str, Any]:
    """transformers' settings of a GGUF file's stretching; empty where there is none.

    Args:
        metadata: the file's, without the architecture's name before the keys.
        divisors: its tensor `rope_freqs.weight`, where it has one.
        theta: the base of the frequencies.
        where: the file.

    Raises:
        UserError: it is of a kind that transformers does not have, or that cannot be told from the file.
    """
    if divisors is not None:
        rope = {"rope_type": "llama3", "factor": float(divisors.max()), "rope_theta": theta, **LLAMA_3}
        if not np.allclose(llama3_divisors(rope, 2 * len(divisors)), divisors, rtol=1e-3):
            raise UserError("its rope_freqs.weight is not Llama 3's stretching of positions", where=where)
        return rope
    kind = metadata.get("rope.scaling.type", "none")
    if kind == "none":
        return {}
    if kind not in ("linear", "yarn"):
        raise UserError(f"its positions are stretched by {kind!r}, which cannot be read", where=where)
    rope = {"rope_type": kind, "factor": float(metadata["rope.scaling.factor"]), "rope_theta": theta}
    if kind == "yarn":
        rope["original_max_position_embeddings"] = int(metadata["rope.scaling.original_context_length"])
    return rope
