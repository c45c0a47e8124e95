"""Compare under limits: what a program gave can be large, or made to be slow to read, to split or to check.

What is small, and whose cost its size bounds, is compared in place. The rest goes to a process of our own, one a
worker, started when first needed: it can be killed, its memory is limited, and it holds no lock of the other workers.
It runs the plain functions of `checks.py`, and nothing of a program's.
"""

from __future__ import annotations

import marshal
import os
import pickle
import resource
import select
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfdistill.errors import HarnessError
from selfdistill.grading.children import END_SECONDS, START_SECONDS, SandboxKilledError, ends_within
from selfdistill.grading.descriptors import hand_over, memory_file
from selfdistill.grading.ended import Result
from selfdistill.grading.inside import kernel
from selfdistill.grading.limits import Limits
from selfdistill.records import Outcome

IN_PLACE = 16 << 10
"""Bytes from the program that are compared in place: at most some milliseconds, whatever they are."""
_USED_ONCE = 4 << 20
"""Bytes of a job after which the process is not used again."""
LEAST_SECONDS = 0.5
"""Comparing has what the test's limit leaves, and this much at least."""
_SLOW: Result = (Outcome.TIMEOUT, "comparing the answer took longer than the limit")
_LARGE: Result = (Outcome.MEMORY_LIMIT, "comparing the answer took more memory than the limit")
_DEEP: Result = (Outcome.WRONG_ANSWER, "nested too deeply to compare")
_BEGUN = b"begun"
_START = (
    "import sys; sys.path[:] = sys.argv[2:]; from selfdistill.grading.checker import serve; serve(int(sys.argv[1]))"
)


@dataclass(frozen=True, slots=True)
class _Running:
    process: subprocess.Popen[bytes]
    jobs: socket.socket


class Checker:
    """Compares for one worker. Belongs to the thread that uses it."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._running: _Running | None = None

    def check(self, size: int, spent: float, check: Callable[..., Any], *args: Any) -> tuple[list[Result], float]:
        """Results of `check(*args)`, a module's function that returns one or several, and the seconds that it took.

        Args:
            size: bytes among the arguments that come from the program.
            spent: seconds of the test's limit that are used up.

        Raises:
            HarnessError: the process does not start or has died.
            Exception: what the function raises in place; it is not meant to.
        """
        if size > IN_PLACE:
            return self.check_apart(spent, check, *args)
        began = time.monotonic()
        try:
            found = check(*args)
        except RecursionError:
            found = _DEEP
        return (found if type(found) is list else [found]), time.monotonic() - began

    def check_apart(self, spent: float, check: Callable[..., Any], *args: Any) -> tuple[list[Result], float]:
        """The same, always in the process."""
        running = self._running = self._running or _start()
        seconds = max(LEAST_SECONDS, self._limits.seconds_per_test - spent)
        job = pickle.dumps((check, args, self._limits.memory_mb << 20))
        try:
            with memory_file(job) as file:
                hand_over(running.jobs, [b"job"], [file.fileno()])
            if _receive(running.jobs, START_SECONDS) != _BEGUN:  # what it imports is not the program's time
                raise HarnessError("the process that compares did not begin")
            began = time.monotonic()
            reply = _receive(running.jobs, seconds)
        except OSError as error:
            self.close()
            raise HarnessError(f"the process that compares has died: {error}") from error
        except HarnessError:
            self.close()
            raise
        if reply is None:
            self.close()
            return [_SLOW], time.monotonic() - began
        seconds = time.monotonic() - began
        results = self._results(reply)
        if len(job) > _USED_ONCE:
            self.close()  # its memory does not grow over a run
        return results, seconds

    def _results(self, reply: bytes) -> list[Result]:
        if not reply:
            self.close()
            raise SandboxKilledError("the kernel killed the process that compares, as it does where memory is short")
        kind, content = marshal.loads(reply)
        if kind == "results":
            return [(Outcome(outcome), detail) for outcome, detail in content]
        self.close()  # its memory may be in shreds
        if kind == "memory":
            return [_LARGE]
        raise HarnessError(content)

    def close(self) -> None:
        """Kill the process if it runs; the next check that needs it starts a new one."""
        running, self._running = self._running, None
        if running is not None:
            running.process.kill()
            running.jobs.close()
            if ends_within(running.process, END_SECONDS):
                running.process.wait()


def _start() -> _Running:
    jobs, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        command = [sys.executable, "-c", _START, str(theirs.fileno()), *sys.path]
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        except OSError as error:
            jobs.close()
            raise HarnessError(f"cannot start the process that compares: {error}") from error
    return _Running(process, jobs)


def _receive(jobs: socket.socket, seconds: float) -> bytes | None:
    """The next message; empty if the process is gone, None if nothing comes in time."""
    poll = select.poll()
    poll.register(jobs, select.POLLIN)
    return jobs.recv(1 << 20, socket.MSG_DONTWAIT) if poll.poll(seconds * 1000) else None


def serve(descriptor: int) -> None:
    """The process: run one check after the other until the host has gone."""
    kernel.die_with_parent()  # type: ignore[no-untyped-call]
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_bytes(b"1000")
    with socket.socket(fileno=descriptor) as jobs:
        while True:
            message, descriptors, _flags, _address = socket.recv_fds(jobs, 16, 1)
            if not message:
                return
            with os.fdopen(descriptors[0], "rb") as file:
                check, args, memory = pickle.loads(file.read())  # from the host; what a program gave is bytes in it
            jobs.send(_BEGUN)
            jobs.send(marshal.dumps(_outcome(check, args, memory)))


def _outcome(check: Callable[..., Any], args: tuple[Any, ...], memory: int) -> tuple[str, Any]:
    now = int(Path("/proc/self/statm").read_bytes().split()[0]) * os.sysconf("SC_PAGESIZE")
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    wanted = now + memory
    resource.setrlimit(resource.RLIMIT_AS, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))
    try:
        found = check(*args)
    except MemoryError:
        return "memory", ""
    except RecursionError:
        found = _DEEP
    except Exception as error:
        return "fault", f"{type(error).__name__}: {error}".encode("ascii", "replace").decode()[:300]
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
    return "results", [(outcome.value, detail) for outcome, detail in (found if type(found) is list else [found])]
