"""A control group around one sandbox, where this machine lets us make one: all its memory and processes, one limit.

rlimits bind each process; only a control group binds the sum. Version 1 (its `memory` and `pids` hierarchies) and
version 2 (below our own group, where that is delegated). Absent or unwritable: None, and the other layers stand.
"""

from __future__ import annotations

import itertools
import os
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from selfdistill.grading.limits import Limits

ROOT = Path("/sys/fs/cgroup")
_PREFIX = "selfdistill-"
_ZYGOTE_MB = 64
_numbers = itertools.count()


@dataclass(frozen=True, slots=True)
class Group:
    """The directories of one group: two in version 1, one in version 2."""

    directories: tuple[Path, ...]

    def add(self, pid: int) -> None:
        """Move a process in; what it forks from now on is in as well."""
        for directory in self.directories:
            (directory / "cgroup.procs").write_text(str(pid))

    def killed_for_memory(self) -> bool:
        """Whether the kernel has killed a process of the group because its memory was used up."""
        for name in ("memory.events", "memory.oom_control"):
            with suppress(OSError):
                lines = (self.directories[0] / name).read_text().splitlines()
                return any(line.split()[0] == "oom_kill" and line.split()[1] != "0" for line in lines)
        return False

    def remove(self) -> None:
        """Remove the group; its processes are gone."""
        for directory in self.directories:
            with suppress(OSError):
                directory.rmdir()


def make_group(limits: Limits) -> Group | None:
    """A new group with these limits, or None where the machine does not allow it."""
    memory = str((limits.memory_mb + limits.scratch_mb + _ZYGOTE_MB) << 20)
    settings = _settings(memory, str(limits.processes + 8))
    remove_stale()
    name = f"{_PREFIX}{os.getpid()}-{_started(os.getpid())}-{next(_numbers)}"
    made: list[Path] = []
    try:
        for parent, values in settings:
            directory = parent / name
            directory.mkdir()
            made.append(directory)
            for file, value in values.items():
                (directory / file).write_text(value)
    except OSError:
        Group(tuple(made)).remove()
        return None
    return Group(tuple(made)) if made else None


@cache
def remove_stale() -> None:
    """Remove, once, the empty groups of graders that are gone: one that is killed has no time to remove its own.

    They may lie anywhere: a grader's own group is that of the shell or service which it was started from.
    """
    version2 = (ROOT / "cgroup.controllers").exists()
    for top in [ROOT] if version2 else [ROOT / "memory", ROOT / "pids"]:
        for parent, names, _files in os.walk(top):
            for name in filter(_is_stale, names):
                with suppress(OSError):  # not empty, or not ours to remove
                    Path(parent, name).rmdir()


def _is_stale(name: str) -> bool:
    """Whether a directory is a group whose grader is gone. A process id alone may be another's by now."""
    if not name.startswith(_PREFIX):
        return False
    pid, _hyphen, rest = name[len(_PREFIX) :].partition("-")
    return not pid.isdecimal() or _started(int(pid)) != rest.partition("-")[0]


def _started(pid: int) -> str:
    """When a process was started, in clock ticks since the machine was; empty if there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


@cache
def available() -> bool:
    """Whether groups can be made here."""
    group = make_group(Limits())
    if group is not None:
        group.remove()
    return group is not None


def _settings(memory: str, processes: str) -> list[tuple[Path, dict[str, str]]]:
    own = _own_groups()
    if "memory" in own and "pids" in own:
        return [
            (ROOT / "memory" / own["memory"], {"memory.limit_in_bytes": memory}),
            (ROOT / "pids" / own["pids"], {"pids.max": processes}),
        ]
    if "" in own and (ROOT / "cgroup.controllers").exists():
        return [(ROOT / own[""], {"memory.max": memory, "memory.swap.max": "0", "pids.max": processes})]
    return []


def _own_groups() -> dict[str, str]:
    """Our own group's path in each hierarchy, by controller; version 2's controller is empty."""
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return {}
    fields = [line.split(":", 2) for line in lines]
    return {controller: path.lstrip("/") for _number, names, path in fields for controller in names.split(",")}
