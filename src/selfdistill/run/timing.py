"""How long a stage took, and what else is known of it: the manifest's `stages`, events, and what later plans learn."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from selfdistill.directory import RunDirectory
from selfdistill.events import emit
from selfdistill.faults import located
from selfdistill.processes import is_main_process
from selfdistill.run.gpu_memory import gpu_peak
from selfdistill.run.manifest import read_manifest, update_manifest
from selfdistill.run.outcome import note
from selfdistill.run.recorded import StageRecord
from selfdistill.waiting import Waiting


@contextmanager
def timed_stage(directory: RunDirectory, name: str) -> Iterator[StageRecord]:
    """Add the time of a block, and what it puts into the yielded dictionary, to a stage's record.

    Seconds of interrupted attempts are lost; those of every finished one add up, and so do `waited_seconds`, those of
    them in which other work had the processor. `gpu_peak_bytes` is the most memory
    that this process's tensors took on one GPU; there is none without a GPU, or where another process uses it.

    Raises:
        UserError: the disk is full, memory is used up, ... (`faults.py`); names the run.
    """
    with timed_together(directory, (name,)) as facts:
        yield facts[name]


@contextmanager
def timed_together(directory: RunDirectory, names: Sequence[str]) -> Iterator[dict[str, StageRecord]]:
    """`timed_stage` for several that run as one; each gets a share of the time, by the `tokens` that it gained."""
    facts: dict[str, StageRecord] = {name: {} for name in names}
    common: StageRecord = {}
    started, waiting = time.perf_counter(), Waiting()
    for name in names:
        emit("stage started", stage=name, run=str(directory.root))
    with gpu_peak(common), located(directory.root):
        yield facts
    seconds, waited = time.perf_counter() - started, waiting.seconds()
    stages = read_manifest(directory)["stages"]
    before: dict[str, StageRecord] = {name: stages.get(name, {}) for name in names}
    gained = {name: max(0, facts[name].get("tokens", 0) - before[name].get("tokens", 0)) for name in names}
    total = sum(gained.values())
    for name in names:
        share = gained[name] / total if total else 1 / len(names)
        found: StageRecord = {**facts[name], **common}
        spent = {"seconds": seconds * share, "waited_seconds": waited * share}
        known = before[name]
        emit("stage finished", **{"stage": name, "run": str(directory.root), **_rounded(spent), **found})
        stages[name] = {
            **known,
            **found,
            "seconds": round(known.get("seconds", 0.0) + spent["seconds"], 3),
            "waited_seconds": round(known.get("waited_seconds", 0.0) + spent["waited_seconds"], 3),
        }
    update_manifest(directory, "stages", stages)
    if is_main_process():
        for name in names:
            note(directory, name, stages[name], first=not before[name])


def _rounded(seconds: dict[str, float]) -> dict[str, float]:
    return {key: round(value, 3) for key, value in seconds.items()}
