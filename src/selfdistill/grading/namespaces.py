"""The command that starts a zygote under bubblewrap: what it sees, which namespaces it is in, who it runs as.

As an ordinary user, bubblewrap makes the user namespace and programs run as that user's own id inside it. As root that
would make them root's processes, which no process limit binds; so root first makes a user namespace with a range of
unprivileged ids, and each sandbox's programs run as one of those.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from selfdistill.grading.bubblewrap import bubblewrap_path
from selfdistill.grading.limits import Limits

HARNESS = Path("/harness")
"""Where the sandbox sees the directory that holds the package `inside`."""
PRIVATE = ("/tmp", "/dev", "/proc")
"""What the sandbox has of its own: the machine's cannot be seen there."""
ELSEWHERE = "/machine"
"""Where the sandbox sees what lies in one of these on the machine, such as an interpreter below /tmp."""
PYTHON_FLAGS = ("-s", "-S", "-P", "-B", "-X", "utf8")
ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "HOME": "/tmp",
    "LANG": "C.UTF-8",
    "PYTHONHASHSEED": "0",  # verdicts must repeat
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
}
"""All that a program finds in its environment."""
_START = "import sys; sys.path.insert(0, sys.argv.pop(1)); from inside.zygote import main; main()"
_FIRST_ID, _ID_COUNT = 61184, 4096  # systemd's range for short-lived users: nobody's files belong to them
_NAMESPACES = ("--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try")


@dataclass(frozen=True, slots=True)
class Wrapper:
    """A bubblewrap command line, up to the program that it starts."""

    command: list[str]
    descriptors: tuple[int, ...]
    """To be inherited by bubblewrap."""
    uid: int
    """Programs run as this id inside the sandbox; -1: as the zygote's own."""


def wrapper(number: int, limits: Limits, inside: Path, information: int, gate: int) -> Wrapper:
    """Bubblewrap for the sandbox with this number; it says on `information` what it started, then waits at `gate`."""
    user: tuple[str, ...]
    descriptors: tuple[int, ...]
    capabilities: tuple[str, ...]
    if os.geteuid() == 0:
        namespace = _root_user_namespace()
        user, descriptors, uid = ("--userns", str(namespace)), (namespace,), 1 + number % _ID_COUNT
        capabilities = ("CAP_SYS_ADMIN", "CAP_SETUID", "CAP_SETGID", "CAP_KILL")
    else:
        disable = ("--disable-userns",) if "--disable-userns" in _bubblewrap_help() else ()
        user, descriptors, uid = ("--unshare-user", *disable), (), -1
        capabilities = ("CAP_SYS_ADMIN",)
    rights = ["--cap-drop", "ALL", *[word for name in capabilities for word in ("--cap-add", name)]]
    isolation = ["--die-with-parent", "--as-pid-1", "--new-session", "--clearenv", *_environment()]
    files = _read_only_files(inside) + _private_files(limits)
    end = ["--chdir", "/tmp", "--info-fd", str(information), "--block-fd", str(gate), "--"]
    command = [bubblewrap_path() or "bwrap", *user, *_NAMESPACES, *rights, *isolation, *files, *end]
    return Wrapper(command, (*descriptors, information, gate), uid)


def zygote_command(
    directory: Path,
    sockets: tuple[int, int],
    role: str,
    limits: Limits,
    uid: int | None = None,
    *,
    memory_counted: bool = False,
) -> list[str]:
    """The zygote's own command.

    Args:
        directory: holds the package `inside`.
        sockets: the zygote's ends, for jobs and for events.
        role: what the sandbox runs.
        limits: of one test.
        uid: of the programs, as of `Wrapper`; without it, isolation is `process`.
        memory_counted: a control group counts the memory of the whole sandbox.
    """
    level = ["process", "-1"] if uid is None else ["full", str(uid)]
    memory = limits.memory_mb << 20
    # Address space is not memory: stacks of threads, libraries. But without a group nothing else counts shared memory.
    address_space = memory << 6 if memory_counted else memory
    numbers = [str(number) for number in (memory, limits.scratch_mb << 20, limits.processes, address_space)]
    python, *packages = [_python(), *site_packages()] if uid is None else map(_seen_at, [_python(), *site_packages()])
    start = [python, *PYTHON_FLAGS, "-c", _START, str(directory), *map(str, sockets)]
    return [*start, role, *level, *numbers, *packages]


def site_packages() -> list[str]:
    """Directories of the packages that programs can import, as the machine names them."""
    return sorted({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")})


@cache
def _bubblewrap_help() -> str:
    return subprocess.run([bubblewrap_path() or "bwrap", "--help"], capture_output=True, text=True, check=False).stdout


@cache
def _python() -> str:
    """The interpreter behind the virtual environment, whose own path may lead through unreadable directories."""
    return os.path.realpath(getattr(sys, "_base_executable", sys.executable))


def _environment() -> list[str]:
    variables = {**ENVIRONMENT, "LD_BIND_NOW": "1"}  # symbols bound before the fork need not be bound after each
    return [word for name, value in variables.items() for word in ("--setenv", name, value)]


def _read_only_files(inside: Path) -> list[str]:
    """The interpreter, its libraries and nothing else: no shell, no other program, no home, no /etc."""
    arguments: list[str] = []
    for name in ("/lib", "/lib64", "/lib32"):
        path = Path(name)
        if path.is_symlink():
            arguments += ["--symlink", str(path.readlink()), name]
        elif path.exists():
            arguments += ["--ro-bind", name, name]
    libraries = {"/usr/lib", "/usr/lib64", "/usr/lib32", sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")}
    libraries |= {*site_packages(), f"{sys.base_prefix}/lib"}
    bound = sorted(str(library) for library in libraries)  # parents before children
    bound += ["/etc/ld.so.cache", "/etc/alternatives", "/etc/localtime", "/usr/share/zoneinfo", _python()]
    for directory in _ancestors([_seen_at(source) for source in bound]):
        arguments += ["--perms", "0755", "--dir", directory]  # bubblewrap's own choice may shut programs out
    for source in bound:
        arguments += ["--ro-bind-try", source, _seen_at(source)]
    arguments += ["--ro-bind", str(inside / "hosts"), "/etc/hosts"]  # the name localhost
    return [*arguments, "--ro-bind", str(inside), str(HARNESS / inside.name)]


def _seen_at(path: str) -> str:
    """Where the sandbox sees a file of the machine. The interpreter finds its libraries by their way from it."""
    hidden = any(path == private or path.startswith(f"{private}/") for private in PRIVATE)
    return f"{ELSEWHERE}{path}" if hidden else path


def _ancestors(paths: list[str]) -> list[str]:
    """The directories on the way to these paths that are not below another of them, from the top down."""
    ancestors = {str(parent) for path in paths for parent in Path(path).parents} - {"/"}
    return sorted(path for path in ancestors if not any(path.startswith(f"{top}/") or path == top for top in paths))


def _private_files(limits: Limits) -> list[str]:
    """A /proc of its own, a minimal /dev, and the only two places that can be written to."""
    size = str(limits.scratch_mb << 20)
    scratch = [word for path in ("/tmp", "/dev/shm") for word in ("--perms", "1777", "--size", size, "--tmpfs", path)]
    return ["--proc", "/proc", "--dev", "/dev", *scratch, "--remount-ro", "/dev", "--remount-ro", "/"]


@cache
def _root_user_namespace() -> int:
    """A descriptor of a user namespace where 0 is root's own id and 1 .. 4096 are unprivileged ones.

    A short-lived helper enters a new namespace; its maps can only be written from outside. Before it ends, it forbids
    further user namespaces below this one.
    """
    code = (
        "import ctypes, os, sys\n"
        "sys.exit(1) if ctypes.CDLL(None).unshare(0x10000000) else os.write(1, b'.')\n"
        "os.read(0, 1)\n"
        "open('/proc/sys/user/max_user_namespaces', 'w').write('0')\n"
        "os.write(1, b'.')\n"
        "os.read(0, 1)\n"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen([_python(), "-I", "-S", "-c", code], bufsize=0, **pipes) as helper:  # type: ignore[call-overload]
        assert helper.stdin is not None
        assert helper.stdout is not None
        if helper.stdout.read(1) != b".":
            raise OSError("this machine does not allow user namespaces")
        for kind in ("uid", "gid"):
            Path(f"/proc/{helper.pid}/{kind}_map").write_text(f"0 0 1\n1 {_FIRST_ID} {_ID_COUNT}\n")
        helper.stdin.write(b".")
        helper.stdout.read(1)
        return os.open(f"/proc/{helper.pid}/ns/user", os.O_RDONLY)
