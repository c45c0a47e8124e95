"""What happens beside the training steps: the log on disk, progress on screen, and marks on whole checkpoints."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from accelerate import PartialState
from transformers import TrainerCallback

from selfdistill.digests import THREADS, file_digest
from selfdistill.errors import UserError
from selfdistill.events import emit, warn
from selfdistill.files import append_records, fsync_directory, read_json, write_json

COMPLETE = "complete"
"""Holds the digests of a checkpoint's files; without it, it was being written when the process died."""


class TrainingLog(TrainerCallback):
    """Appends loss and learning rate of every step to a JSON Lines file, and reports progress.

    That is called with the numbers of finished and of planned steps, and how many of the finished ones an earlier
    attempt had done, which is told once, at the beginning.
    """

    def __init__(self, path: Path, progress: Callable[[int, int, int], None] | None) -> None:
        self._path = path
        self._progress = progress
        self._started = time.perf_counter()

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **_: Any) -> None:
        """One line a logged step."""
        if not logs or "loss" not in logs or not state.is_world_process_zero:
            return
        record = {
            "step": state.global_step,
            "loss": logs["loss"],
            "learning_rate": logs.get("learning_rate"),
            "gradient_norm": logs.get("grad_norm"),
            "seconds": round(time.perf_counter() - self._started, 3),
        }
        append_records(self._path, [record])
        emit("training step", **record)

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Steps of an earlier attempt, up to its last whole checkpoint."""
        self._tell(state, there=state.global_step)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Progress on screen."""
        self._tell(state, there=0)

    def _tell(self, state: Any, *, there: int) -> None:
        if self._progress and state.is_world_process_zero:
            self._progress(state.global_step, state.max_steps, there)


class MarkCheckpoints(TrainerCallback):
    """Marks a checkpoint as whole once everything in it is on disk."""

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Write the mark last, after every process has written its part."""
        PartialState().wait_for_everyone()
        if state.is_world_process_zero:
            directory = Path(args.output_dir) / f"checkpoint-{state.global_step}"
            fsync_directory(directory)
            write_json(directory / COMPLETE, _digests(directory))


def last_whole_checkpoint(directory: Path) -> Path | None:
    """The newest checkpoint that was written to its end and is as it was then; says which are not."""
    found = [path.parent for path in directory.glob(f"checkpoint-*/{COMPLETE}")]
    for checkpoint in sorted(found, key=step_of, reverse=True):
        if _is_whole(checkpoint):
            return checkpoint
        warn(f"{checkpoint} is damaged: training continues from an earlier step")
    return None


def step_of(checkpoint: Path) -> int:
    """Optimizer steps done at a checkpoint."""
    return int(checkpoint.name.rpartition("-")[2])


def _is_whole(checkpoint: Path) -> bool:
    try:
        return bool(read_json(checkpoint / COMPLETE) == _digests(checkpoint))
    except UserError:
        return False


def _digests(checkpoint: Path) -> dict[str, str]:
    files = [path for path in sorted(checkpoint.rglob("*")) if path.is_file() and path.name != COMPLETE]
    with ThreadPoolExecutor(THREADS) as pool:
        digests = pool.map(file_digest, files)
        return {str(path.relative_to(checkpoint)): digest for path, digest in zip(files, digests, strict=True)}
