"""The embedded problems as benchmarks: their names, and the problems of each."""

from __future__ import annotations

from selfdistill.embedded.problems import problems as program_problems
from selfdistill.embedded.structured import structured_problems
from selfdistill.records import Problem

FAMILIES = {
    "embedded": "lists",
    "embedded-scalars": "scalars",
    "embedded-strings": "strings",
    "embedded-json": "json",
}
"""Benchmarks that come inside the package, and their families of problems (docs/embedded.md)."""


def embedded_problems(family: str, split: str) -> tuple[Problem, ...]:
    """The embedded problems of one family in FAMILIES."""
    return structured_problems(split) if family == "json" else program_problems(split, family)  # type: ignore[arg-type]
