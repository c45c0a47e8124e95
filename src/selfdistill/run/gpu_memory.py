"""The most GPU memory that a block's tensors took: what says whether the next larger model or length will fit."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from selfdistill.run.recorded import StageRecord


@contextmanager
def gpu_peak(facts: StageRecord) -> Iterator[None]:
    """Put `gpu_peak_bytes` into `facts`: the largest over this process's GPUs, weights included.

    Nothing is put there where no GPU was used by this process, and asking wakes none up.
    """
    cuda = _used()
    if cuda:
        for device in range(cuda.device_count()):
            cuda.reset_peak_memory_stats(device)
    yield
    cuda = _used()
    if cuda:
        peak = max(cuda.max_memory_allocated(device) for device in range(cuda.device_count()))
        if peak:
            facts["gpu_peak_bytes"] = peak


def _used() -> Any:
    """`torch.cuda` if torch is loaded and has a context on a GPU."""
    torch = sys.modules.get("torch")
    return torch.cuda if torch is not None and torch.cuda.is_initialized() else None
