"""What is measured, and how a side tells what it found: one JSON line a measurement, written as soon as it is there."""

from __future__ import annotations

import json
import resource
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil


@dataclass(frozen=True)
class Spec:
    """Everything that all sides of one run have in common."""

    model: str
    """A model directory."""
    out: str
    """Where results.jsonl is."""
    scratch: str
    """Where everything else is: logs, trained models, the loop's run."""
    overrides: tuple[str, ...]
    """Keys of the recipe, e.g. where the prompts are."""
    device: str
    decoding: tuple[float, float, float]
    """Temperature, top-k (0: off) and top-p (1: off)."""
    rows: int
    batch: int
    """Completions at a time."""
    new: int
    """Tokens of each completion, where all have the same length."""
    natural_new: int
    """At most, where a completion ends as the model likes."""
    repeats: int
    steps: int
    """Optimizer steps that are measured, after two that are not."""
    micro_batch: int
    accumulation: int
    train_new: int
    """Mean completion tokens of a training sequence; they go from half to one and a half of it."""
    checkpointing: bool
    loop_prompts: int
    loop_problems: int | None
    loop_samples: int
    benchmarks: tuple[str, ...]
    gguf: str | None

    @property
    def folder(self) -> Path:
        return Path(self.out)

    @property
    def work(self) -> Path:
        return Path(self.scratch)

    @property
    def on_gpu(self) -> bool:
        return self.device != "cpu"


@dataclass(frozen=True)
class Side:
    """One child process."""

    part: str
    name: str
    dtype: str
    variant: str = ""
    """`fixed` or `natural` lengths; `padded`, `packed` or `default` rows."""

    @property
    def title(self) -> str:
        return " ".join(filter(None, (self.part, self.name, self.variant, self.dtype)))


class SkipSide(Exception):
    """This side cannot be measured here; the message says why."""


def to_json(spec: Spec, side: Side) -> str:
    return json.dumps({"spec": asdict(spec), "side": asdict(side)})


def from_json(text: str) -> tuple[Spec, Side]:
    found = json.loads(text)
    lists = ("overrides", "benchmarks", "decoding")
    spec = {key: tuple(value) if key in lists else value for key, value in found["spec"].items()}
    return Spec(**spec), Side(**found["side"])


def record(spec: Spec, side: Side, **facts: Any) -> None:
    """Append one measurement to results.jsonl; `label` tells measurements of one side apart."""
    line = {**asdict(side), **facts}
    with (spec.folder / "results.jsonl").open("a") as file:
        file.write(json.dumps(line) + "\n")


def read_results(folder: Path) -> list[dict[str, Any]]:
    path = folder / "results.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []


def peak_bytes() -> int:
    """The most memory so far: of this process's tensors on a GPU, else of the process and its children."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        return int(torch.cuda.max_memory_allocated())
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return max(resource.getrusage(kind).ru_maxrss for kind in kinds) * 1024


def cpu_seconds() -> float:
    """Processor time so far, of this process and its children: it hardly minds what else runs on the machine."""
    own = psutil.Process()
    times = [own.cpu_times()]
    for child in own.children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            times.append(child.cpu_times())
    ended = times[0].children_user + times[0].children_system
    return sum(each.user + each.system for each in times) + ended
