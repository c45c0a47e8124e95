"""The machine that a recipe is fitted to: its accelerator, the memory that is free there, and its engine."""

from __future__ import annotations

import contextlib
import os
import platform
from dataclasses import dataclass
from importlib import util

from selfdistill.engines.choose import choose
from selfdistill.models.devices import resolve_device
from selfdistill.recipe.engine import EngineSettings
from selfdistill.recipe.model import ModelSettings


@dataclass(frozen=True, slots=True)
class Machine:
    """What one process may use; several GPUs are for `engine.replicas` and `accelerate launch`."""

    kind: str
    """`cuda`, `cpu` or `mps`."""
    name: str
    """For readers."""
    memory: float
    """Bytes of the accelerator, or of main memory on a CPU."""
    vllm: bool = False
    """Whether `engine.kind: auto` would take vLLM."""
    quantizes: bool = False
    """Whether qlora is to be had: bitsandbytes and a CUDA GPU."""


def this_machine(model: ModelSettings, memory: float | None = None) -> Machine:
    """Look at the machine; takes no memory on a GPU.

    Args:
        model: the recipe's model section.
        memory: bytes, in the place of what is found.
    """
    import torch

    device = resolve_device(model.device)
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        bits = util.find_spec("bitsandbytes") is not None
        vllm = choose(model, EngineSettings()).kind == "vllm"
        return Machine("cuda", properties.name, memory or float(properties.total_memory), vllm, bits)
    if device.type == "cpu":
        return Machine("cpu", f"this CPU, {os.cpu_count()} cores", memory or _free())
    return Machine(device.type, device.type, memory or _free())


def _free() -> float:
    """Bytes of main memory that are free, or of all of it where the system does not say."""
    try:
        with open("/proc/meminfo", encoding="utf-8") as file:  # noqa: PTH123
            for line in file:
                if line.startswith("MemAvailable:"):
                    return float(line.split()[1]) * 1024
    except OSError:
        pass
    return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))


def device_name(device: str) -> str:
    """`cpu (PROCESSOR, N threads)`, `mps`, or the GPU's name."""
    import torch

    if device.startswith("cuda"):
        return torch.cuda.get_device_name(torch.device(device))
    return f"cpu ({_processor()}, {torch.get_num_threads()} threads)" if device == "cpu" else device


def _processor() -> str:
    """The processor's own name, where the system tells it."""
    with contextlib.suppress(OSError), open("/proc/cpuinfo", encoding="utf-8") as file:  # noqa: PTH123
        for line in file:
            if line.startswith("model name"):
                return f"{line.partition(':')[2].strip()}, {os.cpu_count()} cores"
    return platform.processor() or platform.machine()
