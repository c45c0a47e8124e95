"""One sandbox: a bubblewrap with a warm zygote inside, and the socket to it. Starts it, hands it jobs, ends it.

Does not know tests or verdicts. Layers and their order are described in docs/grading.md.
"""

from __future__ import annotations

import atexit
import itertools
import json
import os
import select
import signal
import socket
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

from selfdistill.errors import HarnessError
from selfdistill.grading import cgroups, namespaces
from selfdistill.grading.cgroups import Group, make_group
from selfdistill.grading.children import (
    END_SECONDS,
    START_SECONDS,
    SandboxKilledError,
    SandboxMemoryError,
    ends_within,
)
from selfdistill.grading.descriptors import hand_over, memory_file
from selfdistill.grading.ended import Report
from selfdistill.grading.inside import protocol
from selfdistill.grading.limits import Isolation, Limits

Role = Literal["programs", "official", "scripts"]
"""What runs there: programs, programs under the `livecodebench` rules, test scripts."""

KILL_SECONDS = 0.2
"""How long a program's end is waited for when its sandbox is killed; it mostly takes some milliseconds."""
_INSIDE = Path(__file__).with_name("inside")
_numbers = itertools.count()
_open: set[Sandbox] = set()
"""What an interpreter that ends must not leave behind, whoever holds it then."""
_ending = False


class Sandbox:
    """A running sandbox. One job at a time; belongs to the thread that started it."""

    def __init__(self, isolation: Isolation, limits: Limits, role: Role = "programs") -> None:
        self._isolation: Isolation = isolation
        self._limits = limits
        self._role: Role = role
        self._running: _Running | None = None
        self._dying: list[_Running] = []

    def start(self) -> None:
        """Start the sandbox unless it runs.

        Raises:
            HarnessError: it cannot be started.
        """
        if _ending:
            raise HarnessError("this process is ending")
        if self._running is None:
            self._running = _start(self._isolation, self._limits, self._role)
            _open.add(self)

    def start_job(self, data: bytes, descriptors: list[int]) -> None:
        """Hand a job to the waiting child. Descriptors: its stdin, its stdout, its channel.

        Raises:
            HarnessError: the sandbox has died.
        """
        assert self._running is not None, "not started"
        try:
            if len(data) < protocol.INLINE:
                hand_over(self._running.jobs, [protocol.JOB, data], descriptors)
            else:
                with memory_file(data) as job_file:
                    theirs = [*descriptors, job_file.fileno()]
                    hand_over(self._running.jobs, [protocol.JOB_FILE], theirs)
        except OSError as error:
            raise HarnessError(f"the sandbox has died: {error}") from error

    def fileno(self) -> int:
        """The descriptor that becomes readable when the job's process has ended."""
        assert self._running is not None
        return self._running.events.fileno()

    def report(self, seconds: float) -> Report:
        """Wait for the end of the job's process.

        Raises:
            SandboxMemoryError: the program used up the memory of the whole sandbox, which the kernel has killed.
            SandboxKilledError: the sandbox was killed, and no control group says why.
            HarnessError: no report came.
        """
        assert self._running is not None
        data = _receive(self._running.events, seconds)
        if not data and self._running.group is not None and self._running.group.killed_for_memory():
            raise SandboxMemoryError("the sandbox used up its memory")
        if data is None:
            raise HarnessError("the sandbox gave no report in time")
        if len(data) != protocol.REPORT.size:
            if ends_within(self._running.process, 1.0) and self._running.process.wait() in (-9, 128 + 9):
                raise SandboxKilledError("the kernel killed the sandbox, as it does where memory is short")
            raise HarnessError(f"the sandbox has died{_last_words(self._running.log)}")
        report = Report(*protocol.REPORT.unpack(data))
        if report.dirty:
            self.kill()
        return report

    def kill(self) -> None:
        """Kill the sandbox and everything in it; the next job starts a new one.

        Nothing in it runs any more then. What the kernel has to free can take it seconds, which nobody waits for.
        """
        running, self._running = self._running, None
        if running is None:
            return
        _kill(running)
        self._dying = [each for each in [*self._dying, running] if not _buried(each, KILL_SECONDS)]

    def close(self) -> None:
        """Kill the sandbox, and wait until it and all before it are gone."""
        self.kill()
        for each in self._dying:
            _buried(each, END_SECONDS)
        _open.discard(self)


@dataclass(frozen=True, slots=True)
class _Running:
    process: subprocess.Popen[bytes]
    """Bubblewrap, or the zygote itself."""
    zygote: int
    """A descriptor of the zygote's process: its id could be another's by the time that it is killed."""
    jobs: socket.socket
    events: socket.socket
    log: IO[bytes]
    group: Group | None


def _start(isolation: Isolation, limits: Limits, role: Role) -> _Running:
    jobs, their_jobs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    events, their_events = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    information, their_information = os.pipe()
    gate, our_gate = os.pipe()
    log = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the sandbox
    sockets = (their_jobs.fileno(), their_events.fileno())
    try:
        command, inherited = _command(isolation, limits, role, sockets, (their_information, gate))
        process = _process(command, inherited, log)
    except BaseException:
        for end in (jobs, events, log):
            end.close()
        os.close(information)
        os.close(our_gate)
        raise
    finally:
        their_jobs.close()
        their_events.close()
        os.close(their_information)
        os.close(gate)
    group, zygote_pid = None, process.pid
    try:
        with os.fdopen(information, "rb") as file, os.fdopen(our_gate, "wb"):  # closing the gate opens it
            if isolation == "full":
                zygote_pid = json.loads(file.read() or b"{}").get("child-pid", process.pid)
                group = _group(zygote_pid, limits)
            running = _Running(process, _descriptor(zygote_pid, process), jobs, events, log, group)
        ready = _receive(events, START_SECONDS) == protocol.READY
    except BaseException:  # Ctrl-C
        process.kill()
        process.wait()
        if group is not None:
            group.remove()
        raise
    if not ready:
        words = _last_words(log)
        _kill(running)
        _buried(running, END_SECONDS)
        raise HarnessError(f"the sandbox did not start{words}")
    return running


def _command(
    isolation: Isolation, limits: Limits, role: Role, sockets: tuple[int, int], bubblewraps: tuple[int, int]
) -> tuple[list[str], tuple[int, ...]]:
    """What starts the zygote, and the descriptors that it inherits; bubblewrap's are its information and its gate."""
    if isolation != "full":
        return namespaces.zygote_command(_INSIDE.parent, sockets, role, limits), sockets
    wrapper = namespaces.wrapper(next(_numbers), limits, _INSIDE, *bubblewraps)
    counted = cgroups.available()
    zygote = namespaces.zygote_command(namespaces.HARNESS, sockets, role, limits, wrapper.uid, memory_counted=counted)
    return [*wrapper.command, *zygote], (*sockets, *wrapper.descriptors)


def _process(command: list[str], inherited: tuple[int, ...], log: IO[bytes]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
            pass_fds=inherited,
            env=namespaces.ENVIRONMENT,
            cwd="/",
            start_new_session=True,
        )
    except OSError as error:
        raise HarnessError(f"cannot start {command[0]}: {error}") from error


def _descriptor(pid: int, process: subprocess.Popen[bytes]) -> int:
    """A descriptor of the zygote's process, or of bubblewrap's if that has died already; ours to close."""
    try:
        return os.pidfd_open(pid)
    except ProcessLookupError:
        return os.pidfd_open(process.pid)


def _kill(running: _Running) -> None:
    """Kill the zygote: as process 1 it takes its PID namespace with it, and bubblewrap ends when it is gone."""
    with suppress(OSError):  # it has died already
        signal.pidfd_send_signal(running.zygote, signal.SIGKILL)
    os.close(running.zygote)
    for end in (running.jobs, running.events, running.log):
        end.close()


def _buried(running: _Running, seconds: float) -> bool:
    """Whether a killed sandbox is gone, waiting this long at most; its group goes with it."""
    if not ends_within(running.process, seconds):
        return False
    running.process.wait()
    if running.group is not None:
        running.group.remove()
    return True


@atexit.register
def _close_all() -> None:
    """After Ctrl-C a worker's thread may be in the middle of a job: its sandbox and control group go too."""
    global _ending
    _ending = True
    for sandbox in list(_open):
        sandbox.close()


def _group(pid: int, limits: Limits) -> Group | None:
    group = make_group(limits)
    try:
        if group is not None:
            group.add(pid)
    except OSError:  # it has died already, which the missing greeting will show
        return None
    return group


def _receive(events: socket.socket, seconds: float) -> bytes | None:
    """The next message; empty if the other side is gone, None if nothing comes in time."""
    poll = select.poll()
    poll.register(events, select.POLLIN)
    try:
        return events.recv(64, socket.MSG_DONTWAIT) if poll.poll(seconds * 1000) else None
    except OSError:  # it has died with the connection reset
        return b""


def _last_words(log: IO[bytes]) -> str:
    log.seek(0)
    words = log.read(4000).decode("utf-8", "replace").strip().splitlines()
    return f": {words[-1]}" if words else ""
