"""How one job's process ended, and what came of it: the records that the grader's modules hand to one another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol

from selfdistill.records import Outcome

Ended = Literal["exit", "timeout", "output limit", "memory limit"]
"""`exit`: by itself. Otherwise the limit at which the host stopped it."""
Result = tuple[Outcome, str]
"""An outcome and its detail."""


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


@dataclass(frozen=True, slots=True)
class Run:
    """What one job's process did."""

    ended: Ended
    report: Report
    output: bytes
    """Its standard output, where it was asked for."""
    reply: bytes
    """What it wrote to its channel."""
    seconds: float


@dataclass(frozen=True, slots=True)
class Raised:
    """The output of a call that raised, or of a whole program that failed."""

    name: str = ""
    """Of the exception's type."""


class RunJob(Protocol):
    """Runs one job of a worker's in its sandbox for programs, under its limits: `jobs.run_job`."""

    def __call__(self, job: dict[str, Any], *, tests: int = 0) -> Run:
        """Run it to its end; with `tests`, the time limit is that of each of them.

        Raises:
            HarnessError: the sandbox failed; says nothing about the program.
        """
        ...
