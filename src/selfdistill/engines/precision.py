"""What `model.dtype: auto` stands for on a CPU: bfloat16 where the checkpoint is in it and this CPU is faster in it.

Some processors multiply bfloat16 two to three times as fast as float32, others many times slower, and no list of them
stays right: so it is measured, in milliseconds. A run asks once and keeps the answer (`run/engine.py`), because
half precision draws other tokens.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from selfdistill.engines.choose import is_small
from selfdistill.engines.multiplying import operations_per_second
from selfdistill.events import say
from selfdistill.models.configs import load_config
from selfdistill.models.devices import resolve_device

if TYPE_CHECKING:
    from selfdistill.recipe.model import ModelSettings

ENOUGH = 1.3
"""Times as fast as float32 that bfloat16 must be."""
ROWS = 32
"""Rows of the product that is timed: of a step of generation."""


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

    return operations_per_second(torch.bfloat16, ROWS) / operations_per_second(torch.float32, ROWS)
