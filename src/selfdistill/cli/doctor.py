"""`selfdistill doctor`: what this machine has, and how to get the rest."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Iterator
from importlib import metadata, util

from rich.console import Console
from rich.table import Table

from selfdistill.grading.bubblewrap import PACKAGE, bubblewrap_origin, bubblewrap_path
from selfdistill.grading.isolation import isolation_report
from selfdistill.recipe.engine import ENGINES

EXTRAS = {
    "llguidance": ("syntax", "decoding constrained to Python syntax"),
    "ray": ("ray", "more than one machine"),
    "lm_eval": ("lm-eval", "tasks of lm-eval, for what got worse"),
    "bitsandbytes": ("qlora", "training adapters over a base in 4 bits, or with moments in 8"),
    "liger_kernel": ("liger", "fused kernels in training"),
    "trackio": ("trackers", "experiment tracking"),
    "tensorboard": ("trackers", "experiment tracking"),
    "wandb": ("trackers", "experiment tracking"),
}
"""Import name: the extra that brings it, and what it is for. Those of the engines are in their own table."""

Row = tuple[str, bool | None, str]


def doctor() -> None:
    """Say which engines, extras and sandbox features this machine has, and how to get the others.

    Example:

      selfdistill doctor
    """
    table = Table(box=None, pad_edge=False)
    for heading in ("what", "here", "note"):
        table.add_column(heading)
    for name, available, note in (*_machine(), *_engines(), *_sandbox()):
        table.add_row(name, {True: "yes", False: "no", None: ""}[available], note)
    Console(markup=False).print(table)
    for line in _installs():
        print(line)  # not through the console, which would wrap what is to be copied


def _installs() -> Iterator[str]:
    """The commands that install what is missing, each on a line of its own."""
    missing: dict[str, list[str]] = {}
    for module, (extra, purpose) in {**_engines_own(), **EXTRAS}.items():
        if util.find_spec(module) is None and purpose not in missing.setdefault(extra, []):
            missing[extra].append(purpose)
    commands = [(f"pip install 'selfdistill[{extra}]'", ", ".join(found)) for extra, found in missing.items()]
    if sys.platform == "linux" and bubblewrap_path() is None:
        commands.append((f"pip install {PACKAGE}", "the sandbox"))
    if commands:
        yield "\nto install what is missing:"
    width = max((len(command) for command, _ in commands), default=0)
    for command, purpose in commands:
        yield f"  {command:{width}}  # {purpose}"


def _machine() -> Iterator[Row]:
    import torch

    yield "python", True, platform.python_version()
    yield "cores", True, str(os.cpu_count())
    yield "torch", True, torch.__version__
    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            yield f"GPU {index}", True, torch.cuda.get_device_name(index)
    else:
        yield "GPU", False, "the embedded model needs none"
    yield "disk", None, f"{shutil.disk_usage('.').free / 2**30:.0f} GiB free here"


def _engines() -> Iterator[Row]:
    yield "engine auto", None, _auto()
    yield "engine transformers", True, _version("transformers")
    yield "training (TRL)", True, _version("trl")
    for module, (_, purpose) in {**_engines_own(), **EXTRAS}.items():
        available = util.find_spec(module) is not None
        yield module, available, _version(module) if available else purpose


def _engines_own() -> dict[str, tuple[str, str]]:
    """Of the engines' table, in the form of `EXTRAS`."""
    return {
        kind.library: (kind.extra, f"generation with engine.kind {name}")
        for name, kind in ENGINES.items()
        if kind.library and kind.extra
    }


def _auto() -> str:
    """What `engine.kind: auto` takes for a model of ordinary size."""
    import torch

    if not torch.cuda.is_available():
        return "takes transformers: no CUDA GPU is here"
    if util.find_spec("vllm") is None:
        return "takes transformers: vLLM is not installed"
    return "takes vllm where it has the model and can hand over what the recipe asks"


def _sandbox() -> Iterator[Row]:
    for name, available, note in isolation_report():
        which = bubblewrap_origin() if name == "bubblewrap" else ""
        yield f"sandbox: {name}", available, which if available else note


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""
