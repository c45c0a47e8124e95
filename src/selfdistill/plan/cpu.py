"""A CPU's data sheet, measured in a moment: what stands in for a GPU's where no run has measured this machine yet."""

from __future__ import annotations

from selfdistill.engines.multiplying import operations_per_second
from selfdistill.engines.precision import ENOUGH, ROWS
from selfdistill.plan.gpus import ASSUMED_CPU, Gpu, gpu_named

TRAINING_ROWS = 128
"""Tokens that a layer multiplies at once in training: more would not be faster, and take longer to time."""
TRAINING_SHARE = 0.8
"""Of what a single product reaches, in training: SmolLM2-135M on one thread of a server reached 0.8 to 1."""
SAMPLING_SHARE = 0.17
"""The same in generation, with 24 rows and the loading of the model: a step has many small products."""


def sheet_of(device: str) -> Gpu | None:
    """The data sheet of a device by the name that `device_name` gives it; None of a GPU that none is known of."""
    return this_cpu() if device.startswith("cpu") else gpu_named(device)


def this_cpu() -> Gpu:
    """Measured: operations a second in generation, in bfloat16 where that is faster, and in training, in float32."""
    import torch

    single = operations_per_second(torch.float32, ROWS)
    half = operations_per_second(torch.bfloat16, ROWS)
    training = operations_per_second(torch.float32, TRAINING_ROWS)
    fastest = half if half > ENOUGH * single else single
    return Gpu(fastest, ASSUMED_CPU.bandwidth, ASSUMED_CPU.memory, training, TRAINING_SHARE, SAMPLING_SHARE)
