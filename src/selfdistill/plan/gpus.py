"""What the makers print about their GPUs, and what share of it an engine or a trainer gets."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Gpu:
    """Data sheet numbers."""

    flops: float
    """bfloat16 operations a second, dense."""
    bandwidth: float
    """Bytes a second from its memory."""
    memory: float
    """Bytes."""


GPUS = {
    "h100": Gpu(989e12, 3.35e12, 80e9),
    "h200": Gpu(989e12, 4.8e12, 141e9),
    "a100": Gpu(312e12, 2.04e12, 80e9),
    "l40s": Gpu(362e12, 0.864e12, 48e9),
    "rtx4090": Gpu(165e12, 1.01e12, 24e9),
}
"""NVIDIA's data sheets: H100 SXM, H200 SXM, A100 SXM 80 GB, L40S, GeForce RTX 4090."""

TRAINING_SHARE = 0.35
"""Of the peak, in training: an assumption; well-tuned training of dense models reports 0.3 to 0.5."""
SAMPLING_SHARE = 0.4
"""Of the roofline, in generation: an assumption that a measured tokens/s should replace."""


def gpu_named(device: str) -> Gpu | None:
    """The data sheet of a GPU by the name that torch gives it (`NVIDIA H100 80GB HBM3`), if there is one here."""
    words = device.lower().replace(" ", "").replace("-", "")
    return next((gpu for name, gpu in GPUS.items() if name in words), None)
