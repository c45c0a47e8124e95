"""Which layers of isolation this machine has, and how to get the others. For `grade`, `doctor` and the manifest."""

from __future__ import annotations

import os
import resource
import sys
from functools import cache
from pathlib import Path
from typing import get_args

from selfdistill.errors import HarnessError, UserError, WrongValueError
from selfdistill.events import warn
from selfdistill.faults import too_few_descriptors
from selfdistill.grading import cgroups, namespaces
from selfdistill.grading.bubblewrap import INSTALL, bubblewrap_path
from selfdistill.grading.inside import kernel
from selfdistill.grading.jobs import run_job
from selfdistill.grading.limits import Isolation, Limits
from selfdistill.grading.sandbox import Sandbox

DESCRIPTORS = 256
"""Files that a program may have open in a sandbox; with fewer, sandboxes fail, or programs that work elsewhere."""
_IMPORT = """try:
    import numpy
    print("works")
except BaseException as error:
    print(" ".join(f"{type(error).__name__}: {error}".split())[:100])
"""
_CGROUP = "optional: run as root, or where a cgroup with memory and pids is delegated to you"
_USER_NAMESPACES = "allow unprivileged user namespaces (sysctl user.max_user_namespaces, or the container's settings)"
_WEAKER = "or set evaluation.grading.isolation: process (grade --isolation process), against mistakes but not attacks"
_LINUX = "run it on Linux or in a Linux container; selfdistill sample and train need no sandbox"


def isolation_report() -> list[tuple[str, bool, str]]:
    """The layers as (name, available, how to get it); the last part is empty where nothing is to be done."""
    fault = full_isolation_fault()
    works = fault is None
    sandbox = "" if works else fault or ""
    packages = sandbox or packages_fault() or ""
    layers = [
        ("bubblewrap", bubblewrap_path() is not None, INSTALL),
        ("namespaces (user, pid, network, mount, ipc, uts), a fresh pid and ipc namespace a test", works, sandbox),
        ("read-only system, private tmpfs of limited size, clean environment, no network", works, sandbox),
        ("no capabilities, no new privileges, an unprivileged user", works, sandbox),
        ("seccomp: no other programs, no tracing, no kernel objects that outlive a test", works, sandbox),
        ("this interpreter's packages, for programs to import", works and packages_fault() is None, packages),
        ("cgroup: memory and processes of a whole sandbox", works and cgroups.available(), _CGROUP),
        ("rlimits: memory, file size, processes, open files, core", True, ""),
    ]
    return [(name, available, "" if available else advice) for name, available, advice in layers]


def require(isolation: Isolation) -> None:
    """Refuse what this machine cannot give, and warn where programs will miss the interpreter's packages.

    Raises:
        UserError: this is not Linux; or `full` is asked for and not available; or too few files may be open. Says why,
            and what to do about it.
    """
    if isolation not in get_args(Isolation):  # never taken for the weak one
        raise WrongValueError(f"isolation is {isolation!r}, not one of {', '.join(get_args(Isolation))}")
    if sys.platform != "linux":
        raise UserError(f"programs can be run and graded on Linux only, and this is {sys.platform}", fix=_LINUX)
    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < DESCRIPTORS:
        raise too_few_descriptors()
    if isolation == "process":
        return
    fault = full_isolation_fault()
    if fault is not None:
        mend = f"run: {INSTALL}" if bubblewrap_path() is None else _USER_NAMESPACES
        raise UserError(
            f"programs cannot be isolated on this machine: {fault}",
            fix=f"{mend}; {_WEAKER}",
        )
    missing = packages_fault()
    if missing is not None:
        warn(f"programs that import packages will fail: {missing}")


@cache
def full_isolation_fault() -> str | None:
    """Why a sandbox with full isolation does not work here, from starting one; None if it works."""
    if bubblewrap_path() is None:
        return "bubblewrap is not installed"
    if not kernel.SUPPORTED:
        return f"the machine type {os.uname().machine} is not supported"
    if not Path("/proc/self/ns/user").exists():
        return "the kernel has no user namespaces"
    said = _trial("print('works')")
    return None if said == "works" else said or "a trial program did not run"


@cache
def packages_fault() -> str | None:
    """Why programs in a sandbox with full isolation cannot import what this interpreter can; None if they can.

    Tried with numpy, which is always here: its directory may not be readable to everybody, or hold links to files that
    the sandbox does not show.
    """
    said = _trial(_IMPORT)
    if said == "works":
        return None
    shown = ", ".join(namespaces.site_packages())
    return f"{said or 'a trial program ended'} (they see {shown}: let everybody read it, without links to elsewhere)"


def _trial(program: str) -> str:
    """What a program prints in a fresh sandbox, or why there was none."""
    sandbox = Sandbox("full", Limits())
    try:
        run = run_job(sandbox, {"kind": "stdin", "program": program.encode()}, Limits(), stdin="")
        return run.output.decode("utf-8", "replace").strip()
    except HarnessError as error:
        return str(error)
    finally:
        sandbox.close()
