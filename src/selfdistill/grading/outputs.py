"""What programs give on inputs whose right outputs nobody knows: run in the sandbox, compared by others.

All inputs of a program are run in one process, one after the other. A program that does not come to the end of them,
because it takes too long, too much memory or output, or leaves the process, has no outputs at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from selfdistill.grading.ended import Raised
from selfdistill.grading.inside import plain
from selfdistill.grading.isolation import require
from selfdistill.grading.jobs import run_job
from selfdistill.grading.limits import Isolation, Limits
from selfdistill.grading.replies import split_replies
from selfdistill.grading.sandbox import Sandbox
from selfdistill.grading.workers import over_workers, tried, worker_count

MOST_BYTES = 256 << 10
"""Of the outputs of one program on all inputs, as they come. They are read in place, which takes 0.2 s and 20 MiB
at most, whatever they are."""
Failure = Literal["no program", "does not compile", "does not load", "stopped", "no plain data", "harness error"]
"""Why a program has no outputs. `stopped`: at a limit, or by itself before its last input. `harness error`: ours."""


@dataclass(frozen=True, slots=True)
class Task:
    """Programs that are run on the same inputs."""

    key: str
    """Comes back in the results."""
    programs: tuple[str | None, ...]
    inputs: tuple[Any, ...]
    """Tuples of arguments; texts where `entry_point` is None."""
    entry_point: str | None
    """The function that is called, a method of `class Solution` if there is one; None: whole programs read stdin."""
    prelude: bool
    """Whether the programs find LeetCode's imports, as where they are graded by calls."""


@dataclass(frozen=True, slots=True)
class Result:
    """What the programs of one task gave."""

    key: str
    outputs: tuple[tuple[Any, ...] | Failure, ...]
    """One a program. An output is plain data or a `Raised`; of a whole program it is the lines that it
    prints."""
    runs: int
    """Programs that were run; identical ones are run once."""
    seconds: float
    """Wall-clock seconds of these runs, added up."""


def run_tasks(
    tasks: Sequence[Task], *, limits: Limits, isolation: Isolation = "full", workers: int | None = None
) -> Iterator[Result]:
    """Run the programs of every task on its inputs; results come as they are ready, in no fixed order.

    Args:
        tasks: each is run by one worker.
        limits: the seconds are those of one program on all of its inputs.
        isolation: as for `grade`.
        workers: programs at a time; by default the processors that this process may use.

    Raises:
        UserError: the isolation asked for is not available on this machine.
    """
    require(isolation)
    count = min(worker_count(workers), len(tasks))
    return over_workers(tasks, [_Runner(isolation, limits) for _ in range(count)])


class _Runner:
    """One worker."""

    def __init__(self, isolation: Isolation, limits: Limits) -> None:
        self._sandbox, self._limits = Sandbox(isolation, limits), limits

    def work(self, task: Task) -> Result:
        """Run a task's programs."""
        known: dict[str | None, tuple[Any, ...] | Failure] = {None: "no program"}
        seconds = 0.0
        for program in task.programs:
            if program is not None and program not in known:
                known[program], took = self._outputs(task, program)
                seconds += took
        return Result(task.key, tuple(known[program] for program in task.programs), len(known) - 1, seconds)

    def close(self) -> None:
        """End the sandbox."""
        self._sandbox.close()

    def _outputs(self, task: Task, program: str) -> tuple[tuple[Any, ...] | Failure, float]:
        """One program's outputs and its seconds."""
        source = program.encode("utf-8", "surrogatepass")

        def attempt() -> tuple[tuple[Any, ...] | Failure, float]:
            if task.entry_point is None:
                return _printed(self._sandbox, source, task.inputs, self._limits)
            return _called(self._sandbox, source, task, self._limits)

        found, _faults, _lost = tried(attempt, self._sandbox.close)
        return found or ("harness error", 0.0)


def _called(sandbox: Sandbox, source: bytes, task: Task, limits: Limits) -> tuple[tuple[Any, ...] | Failure, float]:
    job = {
        "kind": "outputs",
        "program": source,
        "entry_point": task.entry_point,
        "inputs": task.inputs,
        "prelude": task.prelude,
    }
    run = run_job(sandbox, job, limits)
    if len(run.reply) > MOST_BYTES:
        return "stopped", run.seconds
    replies = split_replies(run.reply, len(task.inputs))
    if replies and replies[0][:1] == b"S":
        return "does not compile", run.seconds
    if run.ended != "exit" or len(replies) < len(task.inputs):
        return ("does not load" if run.ended == "exit" and len(replies) == 1 else "stopped"), run.seconds
    try:
        return tuple(map(_output, replies)), run.seconds
    except plain.NotPlainError:
        return "no plain data", run.seconds


def _output(reply: bytes) -> Any:
    if reply[:1] == b"E":
        return Raised(reply[1:].decode("utf-8", "replace"))
    if reply[:1] != b"R":
        raise plain.NotPlainError("a reply of another kind")
    return plain.decode(reply[1:])


def _printed(
    sandbox: Sandbox, source: bytes, inputs: Sequence[str], limits: Limits
) -> tuple[tuple[Any, ...] | Failure, float]:
    """Whole programs get a process for each input."""
    outputs: list[Any] = []
    seconds, size = 0.0, 0
    for text in inputs:
        run = run_job(sandbox, {"kind": "stdin", "program": source}, limits, stdin=text)
        seconds += run.seconds
        size += len(run.output)
        if run.ended != "exit" or size > MOST_BYTES:
            return "stopped", seconds
        if run.reply[:1] == b"S":
            return "does not compile", seconds
        failed = run.report.status != 0
        outputs.append(Raised(run.reply[1:].decode("utf-8", "replace")) if failed else _lines(run.output))
    return tuple(outputs), seconds


def _lines(output: bytes) -> tuple[str, ...]:
    """What a judge sees of a program's output: its lines without blanks at their ends."""
    return tuple(line.strip() for line in output.decode("utf-8", "replace").strip().split("\n"))
