"""What programs give on inputs whose right outputs nobody knows: run in the sandbox, compared by others.

All inputs of a program are run in one process, one after the other. A program that does not come to the end of them,
because it takes too long, too much memory or output, or leaves the process, has no outputs at all.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Thread
from typing import Any, Literal

from selfdistill.errors import HarnessError
from selfdistill.grading.inside import plain
from selfdistill.grading.isolation import require
from selfdistill.grading.jobs import run_job
from selfdistill.grading.limits import Isolation, Limits
from selfdistill.grading.official import split_replies
from selfdistill.grading.sandbox import Sandbox

_TRIES = 3
Failure = Literal["no program", "does not compile", "does not load", "stopped", "no plain data", "harness error"]
"""Why a program has no outputs. `stopped`: at a limit, or by itself before its last input. `harness error`: ours."""


@dataclass(frozen=True, slots=True)
class Raised:
    """The output of a call that raised, or of a whole program that failed."""

    name: str = ""
    """Of the exception's type."""


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
    todo: SimpleQueue[Task | None] = SimpleQueue()
    done: SimpleQueue[Result | BaseException] = SimpleQueue()
    count = min(workers or len(os.sched_getaffinity(0)), len(tasks))
    threads = [Thread(target=_work, args=(todo, done, isolation, limits), daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        for number, task in enumerate(tasks):
            todo.put(task)
            if number >= 2 * count:  # a few ahead of the results, so that a caller that stops has not long to wait
                yield _result(done)
        for _ in range(min(2 * count, len(tasks))):
            yield _result(done)
    finally:
        for _ in threads:
            todo.put(None)
        for thread in threads:
            thread.join()


def _result(done: SimpleQueue[Result | BaseException]) -> Result:
    result = done.get()
    if isinstance(result, BaseException):
        raise result
    return result


def _work(
    todo: SimpleQueue[Task | None], done: SimpleQueue[Result | BaseException], isolation: Isolation, limits: Limits
) -> None:
    with closing(Sandbox(isolation, limits)) as sandbox:
        while (task := todo.get()) is not None:
            try:
                done.put(_run_task(sandbox, task, limits))
            except BaseException as error:
                done.put(error)


def _run_task(sandbox: Sandbox, task: Task, limits: Limits) -> Result:
    known: dict[str | None, tuple[Any, ...] | Failure] = {None: "no program"}
    seconds = 0.0
    for program in task.programs:
        if program not in known:
            assert program is not None
            known[program], took = _outputs(sandbox, task, program, limits)
            seconds += took
    return Result(task.key, tuple(known[program] for program in task.programs), len(known) - 1, seconds)


def _outputs(sandbox: Sandbox, task: Task, program: str, limits: Limits) -> tuple[tuple[Any, ...] | Failure, float]:
    """One program's outputs and its seconds. A harness fault is ours: it is tried again in a fresh sandbox."""
    source = program.encode("utf-8", "surrogatepass")
    for _ in range(_TRIES):
        try:
            if task.entry_point is None:
                return _printed(sandbox, source, task.inputs, limits)
            return _called(sandbox, source, task, limits)
        except HarnessError:
            sandbox.close()
    return "harness error", 0.0


def _called(sandbox: Sandbox, source: bytes, task: Task, limits: Limits) -> tuple[tuple[Any, ...] | Failure, float]:
    job = {
        "kind": "outputs",
        "program": source,
        "entry_point": task.entry_point,
        "inputs": task.inputs,
        "prelude": task.prelude,
    }
    run = run_job(sandbox, job, limits)
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
    seconds = 0.0
    for text in inputs:
        run = run_job(sandbox, {"kind": "stdin", "program": source}, limits, stdin=text)
        seconds += run.seconds
        if run.ended != "exit":
            return "stopped", seconds
        if run.reply[:1] == b"S":
            return "does not compile", seconds
        failed = run.report.status != 0
        outputs.append(Raised(run.reply[1:].decode("utf-8", "replace")) if failed else _lines(run.output))
    return tuple(outputs), seconds


def _lines(output: bytes) -> tuple[str, ...]:
    """What a judge sees of a program's output: its lines without blanks at their ends."""
    return tuple(line.strip() for line in output.decode("utf-8", "replace").strip().split("\n"))
