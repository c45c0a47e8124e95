"""Run one job in a sandbox: hand over its data, read what it writes, enforce the deadline, collect how it ended."""

from __future__ import annotations

import marshal
import os
import select
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import Any

from selfdistill.errors import HarnessError
from selfdistill.grading.children import SandboxMemoryError
from selfdistill.grading.descriptors import memory_file
from selfdistill.grading.ended import Ended, Report, Run
from selfdistill.grading.limits import Limits
from selfdistill.grading.replies import ReplyCounter
from selfdistill.grading.sandbox import Sandbox

SCRIPT_GRACE_SECONDS = 0.2
"""How long a test script may take to see that its program is gone."""
REPORT_SECONDS = 10.0
"""The report is there already when it is asked for."""
_KILLED = Report(15, 0, 0.0, dirty=True)


def run_job(sandbox: Sandbox, job: dict[str, Any], limits: Limits, *, stdin: str | None = None, tests: int = 0) -> Run:
    """Run a job to its end. With `stdin`, its standard output is collected; otherwise both are /dev/null.

    A job that runs `tests` tests in one process has the limit for each of them, and once more to load the program: from
    one whole reply to the next.

    Raises:
        HarnessError: the sandbox failed; says nothing about the program.
    """
    sandbox.start()
    with ExitStack() as ours:
        with ExitStack() as theirs:
            reply, channel = _pipe(ours, theirs)
            readers = [reply]
            input_file = output = _null(theirs)
            if stdin is not None:
                output_reader, output = _pipe(ours, theirs)
                os.fchmod(output, 0o222)  # for programs that open /dev/stdout, whoever they run as
                input_file = theirs.enter_context(memory_file(stdin.encode("utf-8", "surrogatepass"))).fileno()
                readers.append(output_reader)
            sandbox.start_job(marshal.dumps(job, 2), [input_file, output, channel])
            began = time.monotonic()
        return _collect(sandbox, readers, began, limits, tests, stop=lambda: _stop(sandbox))


def run_script(
    sandbox: Sandbox, script_sandbox: Sandbox, program: dict[str, Any], script: dict[str, Any], limits: Limits
) -> tuple[Run, Report]:
    """Run a test script beside a program, each in its own sandbox, joined by one socket.

    Returns:
        the script's run, and how the program's process ended.

    Raises:
        HarnessError: a sandbox failed.
    """
    sandbox.start()
    script_sandbox.start()
    with ExitStack() as ours:
        with ExitStack() as theirs:
            reply, channel = _pipe(ours, theirs)
            null = _null(theirs)
            ends = [theirs.enter_context(end).fileno() for end in socket.socketpair()]
            sandbox.start_job(marshal.dumps(program, 2), [null, null, ends[0]])
            try:
                script_sandbox.start_job(marshal.dumps(script, 2), [null, ends[1], channel])
            except HarnessError:
                sandbox.kill()
                raise
            began = time.monotonic()
        run = _collect(script_sandbox, [reply], began, limits, stop=lambda: _stop_script(sandbox, script_sandbox))
        if run.ended != "exit":
            return run, run.report
        try:
            return run, sandbox.report(SCRIPT_GRACE_SECONDS)
        except HarnessError:  # it does not end although its script has: its own doing, and the verdict is there
            sandbox.kill()
            return run, _KILLED


def _stop(sandbox: Sandbox) -> Report:
    """The only way to stop a program is to kill its sandbox; nothing in there can prevent or delay that."""
    sandbox.kill()
    return _KILLED


def _stop_script(sandbox: Sandbox, script_sandbox: Sandbox) -> Report:
    """Kill the program; the script sees that and ends. A script that hangs by itself costs its sandbox too."""
    sandbox.kill()
    try:
        return script_sandbox.report(SCRIPT_GRACE_SECONDS)
    except HarnessError:
        script_sandbox.kill()
        return _KILLED


def _collect(
    sandbox: Sandbox,
    readers: list[int],
    began: float,
    limits: Limits,
    tests: int = 0,
    *,
    stop: Callable[[], Report],
) -> Run:
    """Read until the process has ended; stop it at the deadline, or when it has written too much."""
    deadline, limit = began + limits.seconds_per_test, limits.output_mb << 20
    control, ended = sandbox.fileno(), "exit"
    written = {reader: bytearray() for reader in readers}
    poll = select.poll()
    for descriptor in (control, *readers):
        poll.register(descriptor, select.POLLIN)
    ready: set[int] = set()
    replies = ReplyCounter(tests + 1)  # the first says that the program is loaded
    while control not in ready:
        left = deadline - time.monotonic()
        ready = {descriptor for descriptor, _event in poll.poll(max(0.0, left) * 1000)}
        for reader in ready & written.keys():
            try:
                data = os.read(reader, 1 << 18)
            except BlockingIOError:  # the program has opened the pipe itself and was faster
                continue
            if tests and replies.feed(data):
                left = limits.seconds_per_test
                deadline = time.monotonic() + left
            if not data:
                poll.unregister(reader)
            written[reader] += data
        flooded = max(map(len, written.values())) > limit
        # Looked at once more after the deadline: it may have ended in time while this thread waited for its turn.
        if control not in ready and (flooded or left <= 0):
            ended = "output limit" if flooded else "timeout"
            break
    try:
        report = sandbox.report(REPORT_SECONDS) if ended == "exit" else stop()
    except SandboxMemoryError:
        ended, report = "memory limit", _stop(sandbox)
    seconds = time.monotonic() - began
    if ended == "exit":
        ended = _drain(written, limit)
    reply, output = bytes(written[readers[0]]), bytes(written[readers[-1]])
    return Run(ended, report, output, reply, seconds)  # type: ignore[arg-type]


def _drain(written: dict[int, bytearray], limit: int) -> Ended:
    """Read what is left in the pipes; their writers are gone."""
    for reader, found in written.items():
        with suppress(BlockingIOError):  # only with `process` isolation, where an orphan may hold the other end
            while len(found) <= limit and (data := os.read(reader, 1 << 18)):
                found += data
    return "output limit" if max(map(len, written.values())) > limit else "exit"


def _pipe(ours: ExitStack, theirs: ExitStack) -> tuple[int, int]:
    """Our end never blocks: a program can open its own end for reading too, and take back what it has written."""
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    ours.callback(os.close, reader)
    theirs.callback(os.close, writer)
    return reader, writer


def _null(theirs: ExitStack) -> int:
    """/dev/null, opened for this job alone: flags and locks belong to an open file, and go with it."""
    null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    theirs.callback(os.close, null)
    return null
