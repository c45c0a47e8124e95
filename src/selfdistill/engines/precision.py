"""What `model.dtype: auto` stands for on a CPU: bfloat16 where the checkpoint is in it and this CPU is faster in it.

Some processors multiply bfloat16 two to three times as fast as float32, others many times slower, and no list of them
stays right: so it is measured, in milliseconds. A run asks once and keeps the answer (`run/engine.py`), because
half precision draws other tokens.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from selfdistill.engines.choose import is_small
from selfdistill.events import say
from selfdistill.models.configs import load_config
from selfdistill.models.devices import resolve_device

if TYPE_CHECKING:
    from torch import Tensor

    from selfdistill.recipe.model import ModelSettings

ENOUGH = 1.3
"""Times as fast as float32 that bfloat16 must be."""
SHAPE = (32, 1024, 4096)
"""Rows, inputs and outputs of the product that is timed: a step of 32 rows through a layer of a small model."""
REPEATS = 7


@dataclass(frozen=True, slots=True)
class DtypeChoice:
    """A dtype, and the reason in a few words."""

    dtype: Literal["float32", "bfloat16"]
    why: str


def choose_dtype(model: ModelSettings) -> DtypeChoice | None:
    """What `auto` stands for; None where it is not asked for, or not on a CPU, which takes the checkpoint's own.

    Args:
        model: the recipe's model section.
    """
    import torch

    if model.dtype != "auto" or resolve_device(model.device).type != "cpu":
        return None
    if load_config(model.path, model.revision).dtype != torch.bfloat16:
        return DtypeChoice("float32", "the checkpoint is not in bfloat16")
    if is_small(model.path):
        return DtypeChoice("float32", "the model is small")
    faster = speed_of_bfloat16()
    if faster < ENOUGH:
        return DtypeChoice("float32", f"this CPU multiplies bfloat16 {faster:.1f} times as fast")
    choice = DtypeChoice("bfloat16", f"this CPU multiplies it {faster:.1f} times as fast as float32")
    say("dtype chosen", f"model.dtype: {choice.dtype}, as {choice.why}", dtype=choice.dtype, why=choice.why)
    return choice


def speed_of_bfloat16() -> float:
    """How many times as fast as float32 this CPU multiplies matrices in it."""
    import torch

    rows, inputs, outputs = SHAPE
    times = {}
    with torch.inference_mode():
        for dtype in (torch.float32, torch.bfloat16):
            left, right = torch.ones((rows, inputs), dtype=dtype), torch.ones((outputs, inputs), dtype=dtype)
            times[dtype] = min(_seconds(left, right) for _ in range(REPEATS))
    return times[torch.float32] / times[torch.bfloat16]


def _seconds(left: Tensor, right: Tensor) -> float:
    started = time.perf_counter()
    _ = left @ right.T
    return time.perf_counter() - started
