"""What a caller hands to the grader: the limits on one test, and one program with its tests."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Literal

from selfdistill.errors import WrongValueError
from selfdistill.records import Tests

Rules = Literal["judge", "livecodebench"]
"""`judge`: a program behaves as from a shell. `livecodebench`: the official harness, quirks included."""
Isolation = Literal["full", "process"]
"""`full`: bubblewrap, namespaces, no capabilities, seccomp. `process`: a process under rlimits, nothing more."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on one test of one program; each is enforced by the kernel or by the host, not by the program."""

    seconds_per_test: float = 6.0
    """Wall-clock seconds from the fork to the end of the process. LiveCodeBench's is 6."""
    memory_mb: int = 1024
    """Address space of each process, and with a cgroup all the memory of one sandbox. MiB."""
    output_mb: int = 16
    """Standard output, or the encoded result of a call. MiB."""
    scratch_mb: int = 64
    """The private file system of a program, and the largest single file. MiB."""
    processes: int = 32
    """Processes and threads of one program together."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            whole = field.name != "seconds_per_test"
            number = isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)
            if not number or not math.isfinite(value) or value <= 0:
                raise WrongValueError(f"{field.name} is {value!r}, not a number above zero", where="Limits")


@dataclass(frozen=True, slots=True)
class Submission:
    """One program to grade."""

    key: str
    """Comes back in the verdict."""
    program: str | None
    """Source of the whole program, or for `PredictionTests` the answer's expression; None: there was no code."""
    tests: Tests
