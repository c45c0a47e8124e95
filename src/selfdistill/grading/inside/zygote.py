"""The warm process inside a sandbox: forks a child for each program, waits for it, reports how it ended. Trusted.

It never looks at a program. With `full` isolation a child is process 1 of a PID namespace of its own: nothing in it can
name this process, and everything in it dies with it. A child is forked before its job is there, and gets ready (gives
up its rights, touches the memory that it will need) while the one before it runs. One job runs at a time.

A sandbox for test scripts has no children: a script is trusted, and runs in this process.

Arguments: JOBS_FD EVENTS_FD ROLE LEVEL RUN_AS_UID MEMORY_BYTES FILE_BYTES PROCESSES ADDRESS_SPACE SITE_PACKAGES...
"""

import _socket
import gc
import itertools
import os
import random
import resource
import sys

from . import kernel, livecodebench, programs, script
from .protocol import READY, REPORT, receive

CHANNEL = 3
SCRATCH = ("/tmp", "/dev/shm")
_LIFTED = 100
_lifted = itertools.count(_LIFTED)
_FEW = 64
"""Files that are removed one by one; more of them, and the sandbox is replaced."""
_NOTHING_LEFT = {
    "/proc/net/sockstat": (b"TCP: inuse 0 ", b" tw 0 "),  # a TCP socket keeps its port for a minute after its process
    "/proc/net/sockstat6": (b"TCP6: inuse 0\n",),
    "/proc/self/autogroup": (b" nice 0\n",),  # the session's priority, which any of its processes can set
}
"""What these files must say after a program."""


def main():
    """Serve jobs until the host has gone."""
    jobs_fd, events_fd, role, level, uid, *limits = sys.argv[1:10]
    sys.path[:] = [*sys.path[1:], *sys.argv[10:]]  # the first entry is where this package lies
    sys.argv[:] = ["solution.py"]
    jobs, events = (_socket.socket(fileno=_lift(int(descriptor))) for descriptor in (jobs_fd, events_fd))
    os.closerange(CHANNEL, _LIFTED)  # what bubblewrap inherited for itself
    os.environ.pop("LD_BIND_NOW", None)  # it was for this process's own start
    programs.warm_up()
    if role == "official":
        livecodebench.warm_up()
    # Before it loses the right to look at its own network.
    scratch = _Scratch(owned=int(uid) < 0) if level == "full" else None
    _harden(level == "full", int(uid), int(limits[0]), int(limits[1]), int(limits[3]))
    gc.collect()
    gc.freeze()
    events.send(READY)
    if role == "scripts":
        _serve_scripts(jobs, events, int(limits[0]))
    else:
        full, processes = level == "full", int(limits[2])
        fork = _new_namespaces if full else os.fork

        def run(*claim):
            if scratch is not None:
                scratch.close()
            _run_program(jobs, events, full, int(uid), processes, *claim)

        children = _Children(fork, run)
        _serve_programs(children, events, scratch)


def _serve_scripts(jobs, events, memory):
    null = os.open("/dev/null", os.O_RDWR)
    most = _peak_memory() + memory // 4
    while (received := receive(jobs)) is not None:
        job, descriptors = received
        random.seed(0)
        try:
            verdict = script.run(job["script"], job["setup"], job["entry_point"], script_socket=descriptors[1])
        except MemoryError:  # even while it noted that it had no memory left
            verdict = script.NO_MEMORY
        os.write(descriptors[2], verdict)
        for descriptor in descriptors:
            os.close(descriptor)
        os.dup2(null, 1)  # in case that the script has closed or moved it
        events.send(REPORT.pack(0, 0, 0.0, _peak_memory() > most))  # what answers have filled is not used again


def _peak_memory():
    """Bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _serve_programs(children, events, scratch):
    while True:
        pid, status, usage = children.wait()
        if scratch is None:
            _kill_group(pid)  # what is left of its process group; in `full` it died with its namespace
        dirty = scratch is not None and not scratch.clean()
        seconds = usage.ru_utime + usage.ru_stime
        try:
            events.send(REPORT.pack(status, usage.ru_maxrss * 1024, seconds, dirty))
        except OSError:
            return  # the host has gone


class _Children:
    """The child that has or awaits the job, and the spare behind it. They wait at one socket, and either may get it."""

    def __init__(self, fork, run):
        self._new, self._run = fork, run
        self._claims, self._claim = (_lift(end) for end in os.pipe())
        os.set_blocking(self._claims, False)
        self._tokens = {}  # by process
        self._next = 0
        self._running = None  # the token of the child that has the job
        self._fork()

    def wait(self):
        """Keep a spare ready, and wait for the end of the child that has the job.

        Others end only where the kernel takes them for want of memory, and are replaced: not theirs is the report.
        """
        while True:
            self._fork()
            pid, status, usage = os.wait4(-1, 0)
            try:
                self._running = os.read(self._claims, 1)
            except BlockingIOError:
                pass
            if self._tokens.pop(pid) == self._running:
                self._running = None
                return pid, status, usage
            if not os.WIFSIGNALED(status):
                raise SystemExit  # it has ended by itself without a job: the host has gone

    def _fork(self):
        while len(self._tokens) < 2:
            token = bytes([self._next])
            try:
                pid = self._new()
            except OSError:  # too many processes: the spare can wait until the program has ended
                if self._tokens:
                    return
                raise
            if pid == 0:
                try:
                    os.close(self._claims)
                    self._run(self._claim, token)
                finally:
                    os._exit(125)
            self._tokens[pid] = token
            self._next = (self._next + 1) % 256


def _new_namespaces():
    return kernel.clone(kernel.CLONE_NEWPID | kernel.CLONE_NEWIPC)


def _run_program(jobs, events, full, uid, processes, claim, token):
    """The child: give up everything but the job socket, wait for the job, let go of the socket, become the program.

    Until the job is there it is not dumpable: a program that runs beside it has the same user id.
    """
    os.close(events.detach())
    os.setpgid(0, 0)  # what it sends to its process group stays in it
    if full:
        _drop_rights(uid)
    else:
        kernel.die_with_parent()
    # Not the zygote's, which must be able to fork when a program has used it up; it and the spare count as well.
    _limit(resource.RLIMIT_NPROC, processes + 2)
    null = os.open("/dev/null", os.O_RDWR)
    os.dup2(null, 2)  # an open file of its own: flags and locks that it leaves on that are seen by nobody
    os.close(null)
    programs.rehearse()
    received = receive(jobs)
    os.close(jobs.detach())
    if received is None:
        return
    os.write(claim, token)
    os.close(claim)
    job, descriptors = received
    for source, target in zip(descriptors, (0, 1, CHANNEL), strict=True):
        if source != target:
            os.dup2(source, target)
    os.closerange(CHANNEL + 1, CHANNEL + 8)
    if full:
        kernel.set_dumpable(True)  # a program may open /dev/stdin, which lies in its own /proc
    programs.KINDS[job["kind"]](job, CHANNEL)


def _lift(descriptor):
    """Move a descriptor out of the way of those with fixed numbers."""
    lifted = os.dup2(descriptor, next(_lifted), inheritable=False)
    os.close(descriptor)
    return lifted


def _harden(full, uid, memory, file_size, address_space):
    if full:
        if uid >= 0:
            os.setgroups([])
            os.setresgid(uid, uid, uid)
        kernel.die_with_parent()
        kernel.install_seccomp()
        kernel.set_dumpable(False)
    try:
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("1000")
    except OSError:
        pass
    null = os.open("/dev/null", os.O_RDWR)
    for descriptor in (2, CHANNEL):
        os.dup2(null, descriptor)
    if null > CHANNEL:
        os.close(null)
    for kind, value in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_DATA, memory),
        (resource.RLIMIT_AS, address_space),
        (resource.RLIMIT_FSIZE, file_size),
        (resource.RLIMIT_NOFILE, 256),
    ):
        _limit(kind, value)


def _limit(kind, value):
    hard = resource.getrlimit(kind)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (value, value))


def _drop_rights(uid):
    """Keep no capability."""
    if uid >= 0:
        os.setresuid(uid, uid, uid)  # from root to another id: that clears the capabilities
    else:
        kernel.drop_capabilities()


def _kill_group(pid):
    try:
        os.killpg(pid, 9)
    except OSError:
        pass


class _Scratch:
    """What programs leave in the places that they can write to, and in the network of the sandbox."""

    def __init__(self, owned):
        self._owned = owned  # by the user that programs run as, who can then change more than their files
        self._looks = [_look(directory) for directory in SCRATCH]
        # One that is not there, as without IPv6 in the kernel, cannot be left with anything.
        found = [(name, words) for name, words in _NOTHING_LEFT.items() if os.path.exists(name)]
        self._counts = [(_lift(os.open(name, os.O_RDONLY)), words) for name, words in found]

    def clean(self):
        """Make it as it was; False where that is more than unlinking a few plain files."""
        first, second = SCRATCH
        if not (_empty(first) & _empty(second)):  # neither is left out because the other is not
            return False
        if self._owned and [_look(directory) for directory in SCRATCH] != self._looks:
            return False
        for descriptor, words in self._counts:
            said = os.pread(descriptor, 1000, 0)
            if not all(word in said for word in words):
                return False
        return True

    def close(self):
        """Let go of it, in a child."""
        for descriptor, _words in self._counts:
            os.close(descriptor)


def _look(directory):
    """What a program can change of a directory that its user owns. Its time is set back."""
    found = os.stat(directory)
    if found.st_mtime_ns:
        os.utime(directory, (0, 0))
    return found.st_mode, found.st_uid, found.st_gid, os.listxattr(directory)


def _empty(directory):
    """Remove the plain files that a program left; False if anything else is there."""
    try:
        with os.scandir(directory) as entries:
            for count, entry in enumerate(entries):
                if count == _FEW:
                    return False
                os.unlink(f"{directory}/{entry.name}")
    except OSError:
        return False
    return True
