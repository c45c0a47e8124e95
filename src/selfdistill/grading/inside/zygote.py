"""The warm process inside a sandbox: forks a child for each program, waits for it, reports how it ended. Trusted.

It never looks at a program. With `full` isolation a child is process 1 of a PID namespace of its own: nothing in it can
name this process, and everything in it dies with it. A child is forked before its job is there, and gets ready (gives
up its rights, touches the memory that it will need) while the one before it runs. One job runs at a time.

A sandbox for test scripts has no children: a script is trusted, and runs in this process.

Arguments: JOBS_FD EVENTS_FD ROLE LEVEL RUN_AS_UID MEMORY_BYTES FILE_BYTES PROCESSES SITE_PACKAGES...
"""

import _socket
import gc
import os
import random
import resource
import sys

from . import kernel, programs, script
from .protocol import READY, REPORT, receive

CHANNEL = 3
SCRATCH = ("/tmp", "/dev/shm")
_LIFTED = 100


def main():
    """Serve jobs until the host has gone."""
    jobs_fd, events_fd, role, level, uid, *limits = sys.argv[1:9]
    sys.path[:] = [*sys.path[1:], *sys.argv[9:]]  # the first entry is where this package lies
    sys.argv[:] = ["solution.py"]
    jobs, events = (_socket.socket(fileno=_lift(int(descriptor))) for descriptor in (jobs_fd, events_fd))
    os.closerange(CHANNEL, _LIFTED)  # what bubblewrap inherited for itself
    os.environ.pop("LD_BIND_NOW", None)  # it was for this process's own start
    programs.warm_up()
    _harden(level == "full", int(uid), *[int(limit) for limit in limits])
    gc.collect()
    gc.freeze()
    events.send(READY)
    if role == "scripts":
        _serve_scripts(jobs, events)
    else:
        _serve_programs(jobs, events, level == "full", int(uid))


def _serve_scripts(jobs, events):
    null = os.open("/dev/null", os.O_RDWR)
    while (received := receive(jobs)) is not None:
        job, descriptors = received
        random.seed(0)
        verdict = script.run(job["script"], job["setup"], job["entry_point"], script_socket=descriptors[1])
        os.write(descriptors[2], verdict)
        for descriptor in descriptors:
            os.close(descriptor)
        os.dup2(null, 1)  # in case that the script has closed or moved it
        events.send(REPORT.pack(0, 0, 0.0, False))


def _serve_programs(jobs, events, full, uid):
    _fork(jobs, events, full, uid)
    while True:
        _fork(jobs, events, full, uid)  # the spare: it waits behind the one that has or awaits the job
        pid, status, usage = os.wait4(-1, 0)
        if not full:
            _kill_group(pid)  # what is left of its process group; in `full` it died with its namespace
        dirty = full and not _scratch_is_empty()
        seconds = usage.ru_utime + usage.ru_stime
        try:
            events.send(REPORT.pack(status, usage.ru_maxrss * 1024, seconds, dirty))
        except OSError:
            return  # the host has gone


def _fork(jobs, events, full, uid):
    pid = kernel.clone(kernel.CLONE_NEWPID | kernel.CLONE_NEWIPC) if full else os.fork()
    if pid == 0:
        try:
            _run_program(jobs, events, full, uid)
        finally:
            os._exit(125)


def _run_program(jobs, events, full, uid):
    """The child: give up everything but the job socket, wait for the job, let go of the socket, become the program.

    Until the job is there it is not dumpable: a program that runs beside it has the same user id.
    """
    os.close(events.detach())
    os.setsid()
    if full:
        _drop_rights(uid)
    else:
        kernel.die_with_parent()
    programs.rehearse()
    received = receive(jobs)
    os.close(jobs.detach())
    if received is None:
        return
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
    null = os.open("/dev/null", os.O_RDWR)
    for descriptor in (2, CHANNEL):
        os.dup2(null, descriptor)
    if null > CHANNEL:
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


def _scratch_is_empty():
    """Whether both places are empty now; neither is left out because the other is not."""
    return all([_empty(directory) for directory in SCRATCH])  # noqa: C419 - a generator would stop early


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
