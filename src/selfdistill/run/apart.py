"""A stage in a process of its own, so that all of a GPU's memory comes back when it ends.

The child inherits stderr, so progress shows as it would here. It gets what it needs as one line on its stdin, which
stays open: when it closes, because this process was interrupted or is gone, the child stops. What it ends with comes
back through a file, so that a user's mistake is the same one line and a fault the same traceback.

    SELFDISTILL_STAGE_PROCESSES=always selfdistill run demo
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from selfdistill import events
from selfdistill.errors import KilledError, StageError, UserError
from selfdistill.models.devices import resolve_device

if TYPE_CHECKING:
    from selfdistill.directory import RunDirectory
    from selfdistill.recipe.schema import Recipe

VARIABLE = "SELFDISTILL_STAGE_PROCESSES"
"""`always`, `never`, or `auto`: where the model's device is not the CPU."""
GRACE = 20.0
"""Seconds that a stage has to stop in; then it is killed."""


def wanted(device: str) -> bool:
    """Whether stages that run on a device, the recipe's, do so in processes of their own.

    Raises:
        UserError: the environment variable says something else than it may.
    """
    chosen = os.environ.get(VARIABLE, "auto")
    if chosen not in ("auto", "always", "never"):
        raise UserError(f"{VARIABLE} is {chosen!r}", fix="set it to auto, always or never")
    if chosen != "auto":
        return chosen == "always"

    return resolve_device(device).type != "cpu"


def run(stage: str, work: Callable[[Recipe, RunDirectory], None], recipe: Recipe, directory: RunDirectory) -> None:
    """Do a stage's work in a child where it would hold a GPU, else here.

    Raises:
        UserError, StageError, KilledError: as `run_apart`, or what the work raises.
    """
    if wanted(recipe.model.device):
        run_apart(stage, recipe, directory)
    else:
        work(recipe, directory)


def run_apart(stage: str, recipe: Recipe, directory: RunDirectory) -> None:
    """Run a stage in a child, to its end.

    Args:
        stage: one of `loop.STAGES`.
        recipe: of the run, with what may differ when it is resumed.
        directory: of the run; the caller holds its lock.

    Raises:
        UserError: the child's.
        StageError: the child's, of any other kind; the note is its traceback.
        KilledError: a signal ended the child.
    """
    with tempfile.TemporaryDirectory(prefix="selfdistill-") as folder:
        ending = Path(folder) / "ending.json"
        work = {
            "stage": stage,
            "recipe": recipe.model_dump(mode="json"),
            "root": str(directory.root),
            "ending": str(ending),
            "threads": _threads(),
            "warned": sorted(events.warned()),
        }
        status = _wait(work)
        said = json.loads(ending.read_bytes()) if ending.is_file() else {}
    events.count_as_warned(said.get("warned", ()))
    _raise(stage, status, said)


def _wait(work: dict[str, Any]) -> int:
    """Start the child, give it its work and wait for its end; its status."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(entry or str(Path.cwd()) for entry in sys.path)}
    command = [sys.executable, "-P", "-m", "selfdistill.run.child"]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, env=environment, text=True)
    orders: IO[str] = child.stdin  # type: ignore[assignment]
    try:
        orders.write(json.dumps(work) + "\n")
        orders.flush()
        return child.wait()
    except BrokenPipeError:
        return child.wait()
    finally:
        _stop(child, orders)


def _stop(child: subprocess.Popen[str], orders: IO[str]) -> None:
    """Tell it to stop if it has not, and see to it that it does."""
    with suppress(BrokenPipeError):
        orders.close()
    if child.poll() is None:
        try:
            child.wait(GRACE)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _raise(stage: str, status: int, said: dict[str, Any]) -> None:
    """End as the child did."""
    if "mistake" in said:
        raise UserError(**said["mistake"])
    if "traceback" in said:
        error = StageError(f"{stage} failed: {said['what']}")
        error.add_note(said["traceback"])
        raise error
    number = signal.SIGTERM if status == 128 + signal.SIGTERM else -status
    if number > 0:
        hint = "; out of memory is the usual reason" if number == signal.SIGKILL else ""
        raise KilledError(f"{stage} was ended by {signal.Signals(number).name}{hint}", number)
    if status:
        raise StageError(f"{stage} ended with exit code {status} and did not say why")


def _threads() -> int | None:
    """torch's, where it is loaded: sums of floats depend on it."""
    torch = sys.modules.get("torch")
    return torch.get_num_threads() if torch else None
