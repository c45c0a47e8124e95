"""How one job's process ended, and what came of it: the records that the grader's modules hand to one another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

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
