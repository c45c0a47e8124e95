"""How fast this CPU multiplies matrices: measured in milliseconds, because no list of processors stays right.

The best of several times counts, and of a single thread its own time, so that other work on the machine changes little.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor, dtype

SHAPE = (1024, 4096)
"""Inputs and outputs of the layer that is timed: of a small model."""
REPEATS = 20


def operations_per_second(kind: dtype, rows: int) -> float:
    """Of one product of so many rows with a layer's weights, a multiplication and an addition each.

    Args:
        kind: of the numbers.
        rows: 32 are a step of generation.
    """
    import torch

    inputs, outputs = SHAPE
    with torch.inference_mode():
        left, right = torch.ones((rows, inputs), dtype=kind), torch.ones((outputs, inputs), dtype=kind)
        clock = time.thread_time if torch.get_num_threads() == 1 else time.perf_counter
        fastest = min(_seconds(left, right, clock) for _ in range(REPEATS))
    return 2 * rows * inputs * outputs / fastest


def _seconds(left: Tensor, right: Tensor, clock: Callable[[], float]) -> float:
    started = clock()
    _ = left @ right.T
    return max(1e-9, clock() - started)
