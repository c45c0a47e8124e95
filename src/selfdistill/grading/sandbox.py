"""One sandbox: a bubblewrap with a warm zygote inside, and the socket to it. Starts it, hands it jobs, ends it.

Does not know tests or verdicts. Layers and their order are described in docs/grading.md.
"""

from __future__ import annotations

import fcntl
import itertools
import os
import select
import signal
import socket
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from selfdistill.errors import HarnessError
from selfdistill.grading import namespaces
from selfdistill.grading.inside import protocol
from selfdistill.grading.limits import Isolation, Limits

START_SECONDS = 30.0
"""A cold machine may need seconds for the first start."""
KILL_SECONDS = 10.0
"""After a kill the kernel only has to tear the processes down; longer means that the sandbox is broken."""
END_SECONDS = 1.0
"""What a zygote that is busy with a test script gets before it is killed."""
_INSIDE = Path(__file__).with_name("inside")
_SEALS = 0x000F  # F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE
_numbers = itertools.count()


@dataclass(frozen=True, slots=True)
class Report:
    """How one job's process ended."""

    status: int
    """As of `os.waitpid`."""
    peak_memory: int
    """Bytes."""
    cpu_seconds: float
    dirty: bool
    """It left files that could not simply be removed: the sandbox must be replaced."""


class Sandbox:
    """A running sandbox. One job at a time; belongs to the thread that started it."""

    def __init__(self, isolation: Isolation, limits: Limits) -> None:
        self._isolation: Isolation = isolation
        self._limits = limits
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._log: IO[bytes] | None = None

    def start(self) -> None:
        """Start the sandbox unless it runs.

        Raises:
            HarnessError: it cannot be started.
        """
        if self._control is None:
            self._start()

    def start_job(self, data: bytes, descriptors: list[int]) -> None:
        """Fork a child for a job. Descriptors: its stdin, its stdout, its channel.

        Raises:
            HarnessError: the sandbox has died.
        """
        assert self._control is not None, "not started"
        try:
            if len(data) < protocol.INLINE:
                socket.send_fds(self._control, [protocol.JOB, data], descriptors)
            else:
                with memory_file(data) as job_file:
                    socket.send_fds(self._control, [protocol.JOB_FILE], [*descriptors, job_file.fileno()])
        except OSError as error:
            raise HarnessError(f"the sandbox has died: {error}") from error

    def fileno(self) -> int:
        """The descriptor that becomes readable when the job's process has ended."""
        assert self._control is not None
        return self._control.fileno()

    def kill_job(self) -> None:
        """Kill the job's process and all that it started; its report still comes."""
        assert self._control is not None
        try:
            self._control.send(protocol.KILL)
        except OSError as error:
            raise HarnessError(f"the sandbox has died: {error}") from error

    def report(self, seconds: float = KILL_SECONDS) -> Report:
        """Wait for the end of the job's process.

        Raises:
            HarnessError: no report came.
        """
        assert self._control is not None
        poll = select.poll()
        poll.register(self._control, select.POLLIN)
        data = self._control.recv(protocol.REPORT.size) if poll.poll(seconds * 1000) else b""
        if len(data) != protocol.REPORT.size:
            raise HarnessError("the sandbox has died" + self._last_words())
        report = Report(*protocol.REPORT.unpack(data))
        if report.dirty:
            self.close()
        return report

    def close(self) -> None:
        """End the sandbox and everything in it, and wait until it is gone; the next job starts a new one."""
        if self._control is not None:
            self._control.close()  # the zygote sees that and ends, and its PID namespace with it
        if self._process is not None:
            _end(self._process)
        if self._log is not None:
            self._log.close()
        self._control = self._process = self._log = None

    def _start(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control, self._log = ours, tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the sandbox
        with theirs:
            command, descriptors = self._command(theirs.fileno())
            try:
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=self._log,
                    pass_fds=(theirs.fileno(), *descriptors),
                    env=namespaces.ENVIRONMENT,
                    cwd="/",
                    start_new_session=True,
                )
            except OSError as error:
                self.close()
                raise HarnessError(f"cannot start {command[0]}: {error}") from error
        poll = select.poll()
        poll.register(ours, select.POLLIN)
        ready = ours.recv(16) if poll.poll(START_SECONDS * 1000) else b""
        if ready != protocol.READY:
            words = self._last_words()
            self.close()
            raise HarnessError("the sandbox did not start" + words)

    def _command(self, control: int) -> tuple[list[str], tuple[int, ...]]:
        if self._isolation == "process":
            return namespaces.zygote_command(_INSIDE.parent, control, self._limits), ()
        wrapper = namespaces.wrapper(next(_numbers), self._limits, _INSIDE)
        zygote = namespaces.zygote_command(namespaces.HARNESS, control, self._limits, wrapper.uid)
        return [*wrapper.command, *zygote], wrapper.descriptors

    def _last_words(self) -> str:
        if self._log is None:
            return ""
        self._log.seek(0)
        words = self._log.read(4000).decode("utf-8", "replace").strip().splitlines()
        return f": {words[-1]}" if words else ""


def _end(process: subprocess.Popen[bytes]) -> None:
    pidfd = os.pidfd_open(process.pid)
    try:
        poll = select.poll()
        poll.register(pidfd, select.POLLIN)
        if not poll.poll(END_SECONDS * 1000):
            os.killpg(process.pid, signal.SIGKILL)  # with `full`, bubblewrap, which takes its namespace with it
    finally:
        os.close(pidfd)
    process.wait()


def memory_file(data: bytes) -> IO[bytes]:
    """A sealed file in memory, at its beginning: nobody who gets the descriptor can change it."""
    file = os.fdopen(os.memfd_create("data", os.MFD_ALLOW_SEALING | os.MFD_CLOEXEC), "r+b", buffering=0)
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]
    file.seek(0)
    fcntl.fcntl(file, fcntl.F_ADD_SEALS, _SEALS)
    return file
