"""Which device a model runs on, and in which dtype."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selfdistill.errors import UserError
from selfdistill.events import warn

if TYPE_CHECKING:
    import torch


def resolve_device(device: str) -> torch.device:
    """`auto` is a GPU if there is one; of a kind on which nothing was ever run, the user is told so.

    Raises:
        UserError: the device does not exist here.
    """
    resolved = _existing(device)
    if resolved.type not in ("cpu", "cuda"):
        warn(f"this package was never run on {resolved.type}: hold a small run against model.device: cpu first")
    return resolved


def _existing(device: str) -> torch.device:
    import torch

    if device == "auto":
        accelerator = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
        return accelerator or torch.device("cpu")
    try:
        resolved = torch.device(device)
        if resolved.type == "cuda" and (resolved.index or 0) < torch.cuda.device_count():
            return resolved  # a tensor would take hundreds of MB of it, for as long as this process runs
        torch.empty(0, device=resolved)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(
            f"device {device} cannot be used: {reason}", where="model.device", fix="set it to auto"
        ) from None
    return resolved


def resolve_dtype(dtype: str, device: torch.device) -> torch.dtype | str:
    """`auto` is the checkpoint's on a GPU and float32 on a CPU; what runs do on a CPU is in `precision.py`."""
    import torch

    if dtype == "auto":
        return torch.float32 if device.type == "cpu" else "auto"
    return {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}[dtype]
