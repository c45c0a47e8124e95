"""What the makers print about their GPUs, and what share of it an engine or a trainer gets."""

from __future__ import annotations

from dataclasses import dataclass

TRAINING_SHARE = 0.35
"""Of the peak, in training: an assumption; well-tuned training of dense models reports 0.3 to 0.5."""
SAMPLING_SHARE = 0.4
"""Of the roofline, in generation: an assumption that a measured tokens/s should replace."""


@dataclass(frozen=True, slots=True)
class Gpu:
    """Data sheet numbers."""

    flops: float
    """bfloat16 operations a second, dense."""
    bandwidth: float
    """Bytes a second from its memory."""
    memory: float
    """Bytes."""
    training_flops: float | None = None
    """In training, where that is in another number format, as on a CPU."""
    training_share: float = TRAINING_SHARE
    sampling_share: float = SAMPLING_SHARE


GPUS = {
    "h100": Gpu(989e12, 3.35e12, 80e9),
    "h200": Gpu(989e12, 4.8e12, 141e9),
    "a100": Gpu(312e12, 2.04e12, 80e9),
    "l40s": Gpu(362e12, 0.864e12, 48e9),
    "rtx4090": Gpu(165e12, 1.01e12, 24e9),
}
"""NVIDIA's data sheets: H100 SXM, H200 SXM, A100 SXM 80 GB, L40S, GeForce RTX 4090."""

ASSUMED_CPU = Gpu(0.4e12, 20e9, 16e9)
"""A core of a server's processor with its share of the memory, where nothing was measured on a CPU: a rough guess."""
UNTESTED = {"mps": Gpu(14e12, 0.4e12, 64e9)}
"""Devices on which the package was never run: an Apple M3 Max, by its data sheet."""


def gpu_named(device: str) -> Gpu | None:
    """The data sheet by the name that torch gives a device (`NVIDIA H100 80GB HBM3`, `mps`), if there is one here."""
    words = device.lower().replace(" ", "").replace("-", "")
    return next((gpu for name, gpu in {**GPUS, **UNTESTED}.items() if name in words), None)
