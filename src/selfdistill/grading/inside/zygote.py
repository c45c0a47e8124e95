"""The warm process inside a sandbox: forks one child a job, waits for it, reports how it ended. Trusted.

It never looks at a program. With `full` isolation the child is process 1 of a PID namespace of its own: nothing in it
can name this process, and everything in it dies with it. What can be done before the fork is done here, in pages that
are already ours: after the fork each first touch of a page costs a copy, which is most of what a job costs.

Arguments: CONTROL_FD LEVEL RUN_AS_UID MEMORY_BYTES FILE_BYTES PROCESSES SITE_PACKAGES...
"""

import gc
import marshal
import os
import random
import resource
import select
import struct
import sys

import _socket

from . import kernel, programs, script
from .protocol import INLINE, JOB, JOB_FILE, KILL, READY, REPORT

CHANNEL = 3
_LIFTED = 100
SCRATCH = ("/tmp", "/dev/shm")


def main():
    """Serve jobs until the other end closes."""
    control, level, uid, *limits = sys.argv[1:7]
    sys.path[:] = [*sys.path[1:], *sys.argv[7:]]  # the first entry is where this package lies
    sys.argv[:] = ["solution.py"]
    zygote = Zygote(_lift(int(control)), level == "full", int(uid))
    programs.warm_up()
    _harden(level == "full", int(uid), *[int(limit) for limit in limits])
    gc.collect()
    gc.freeze()
    zygote.serve()


class Zygote:
    """The control socket, and what a fork needs to know."""

    def __init__(self, control, full, uid):
        self._control = _socket.socket(fileno=control)
        self._full, self._uid = full, uid
        self._null = _lift(os.open("/dev/null", os.O_RDWR))
        os.dup2(self._null, CHANNEL)
        os.closerange(CHANNEL + 1, _LIFTED)  # what bubblewrap inherited for itself

    def serve(self):
        """Run jobs one after the other."""
        self._control.send(READY)
        while True:
            message, ancillary, _flags, _address = self._control.recvmsg(INLINE + 1, _socket.CMSG_SPACE(16))
            if not message:
                return
            if message[:1] == KILL:
                continue  # it came after its child had ended
            descriptors = memoryview(ancillary[0][2]).cast("i").tolist()
            job = self._read(message, descriptors)
            for source, target in zip(descriptors, (0, 1, CHANNEL), strict=True):
                os.dup2(source, target)
                os.close(source)
            if job["kind"] == "script":
                self._run_script(job)
            else:
                self._run_program(job)

    def _read(self, message, descriptors):
        if message[:1] == JOB_FILE:
            with open(descriptors.pop(), "rb", buffering=0) as file:
                return marshal.loads(file.read())
        assert message[:1] == JOB
        return marshal.loads(memoryview(message)[1:])

    def _run_script(self, job):
        """A trusted script needs no process of its own; the program that it tests is in another sandbox."""
        random.seed(0)
        verdict = script.run(job["script"], job["setup"], job["entry_point"], script_socket=1)
        os.write(CHANNEL, verdict)
        self._release()
        self._control.send(REPORT.pack(0, 0, 0.0, False))

    def _run_program(self, job):
        pid = kernel.clone(kernel.CLONE_NEWPID | kernel.CLONE_NEWIPC) if self._full else os.fork()
        if pid == 0:
            try:
                os.close(self._control.detach())
                os.close(self._null)
                os.setsid()
                if self._full:
                    _drop_rights(self._uid)
                programs.KINDS[job["kind"]](job, CHANNEL)
            finally:
                os._exit(125)
        self._release()
        self._wait(pid)

    def _release(self):
        """Let go of the job's descriptors, so that their other ends see when the child is gone."""
        for target in (0, 1, CHANNEL):
            os.dup2(self._null, target)

    def _wait(self, pid):
        pidfd = os.pidfd_open(pid)
        poll = select.poll()
        poll.register(self._control, select.POLLIN)
        poll.register(pidfd, select.POLLIN)
        ended = False
        while not ended:
            for ready, _event in poll.poll():
                if ready == pidfd:
                    ended = True
                elif self._control.recv(16) in (KILL, b""):
                    _kill(pid, self._full)
                    poll.unregister(self._control)
        os.close(pidfd)
        if not self._full:
            _kill(pid, self._full)  # what is left of its process group; in `full` it died with its namespace
        _pid, status, usage = os.wait4(pid, 0)
        dirty = self._full and not all([_empty(directory) for directory in SCRATCH])
        seconds = usage.ru_utime + usage.ru_stime
        self._control.send(REPORT.pack(status, usage.ru_maxrss * 1024, seconds, dirty))


def _lift(descriptor):
    """Move a descriptor out of the way of those with fixed numbers."""
    lifted = os.dup2(descriptor, _LIFTED + descriptor, inheritable=False)
    os.close(descriptor)
    return lifted


def _harden(full, uid, memory, file_size, processes):
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
    null = os.open("/dev/null", os.O_WRONLY)
    os.dup2(null, 2)
    os.close(null)
    for kind, value in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_FSIZE, file_size),
        (resource.RLIMIT_NPROC, processes),
        (resource.RLIMIT_NOFILE, 256),
    ):
        hard = resource.getrlimit(kind)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (value, value))


def _drop_rights(uid):
    """Keep no capability; be dumpable, as a program may open /dev/stdin, which lies in its own /proc."""
    if uid >= 0:
        os.setresuid(uid, uid, uid)  # from root to another id: that clears the capabilities
    else:
        kernel.drop_capabilities()
    kernel.set_dumpable(True)


def _kill(pid, full):
    try:
        os.kill(pid, 9)
        if not full:
            os.killpg(pid, 9)
    except OSError:
        pass


def _empty(directory):
    """Remove the plain files that a program left; False if anything else is there."""
    try:
        names = os.listdir(directory)
        if len(names) > 64:
            return False
        for name in names:
            os.unlink(f"{directory}/{name}")
    except OSError:
        return False
    return True
