"""What happens beside the training steps: the log on disk, progress on screen, and marks on whole checkpoints."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from accelerate import PartialState
from transformers import TrainerCallback

from selfdistill.events import emit
from selfdistill.files import append_records, fsync_directory, write_text

COMPLETE = "complete"
"""A checkpoint without this file was being written when the process died."""


class TrainingLog(TrainerCallback):
    """Appends loss and learning rate of every step to a JSON Lines file, and reports progress."""

    def __init__(self, path: Path, progress: Callable[[int, int], None] | None) -> None:
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

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Progress on screen."""
        if self._progress and state.is_world_process_zero:
            self._progress(state.global_step, state.max_steps)


class MarkCheckpoints(TrainerCallback):
    """Marks a checkpoint as whole once everything in it is on disk."""

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Write the mark last, after every process has written its part."""
        PartialState().wait_for_everyone()
        if state.is_world_process_zero:
            directory = Path(args.output_dir) / f"checkpoint-{state.global_step}"
            fsync_directory(directory)
            write_text(directory / COMPLETE, "")


def last_whole_checkpoint(directory: Path) -> Path | None:
    """The newest checkpoint that was written to its end."""
    found = [path.parent for path in directory.glob(f"checkpoint-*/{COMPLETE}")]
    return max(found, key=lambda path: int(path.name.rpartition("-")[2]), default=None)
