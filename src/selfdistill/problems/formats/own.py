"""Rows of our own: `Problem` records as JSON, with `task_id`, `statement`, `tests` (docs/formats.md)."""

from __future__ import annotations

from typing import Any

from selfdistill.problems.formats.hub import Hub
from selfdistill.records import Problem

HUB: dict[str, Hub] = {}


def fits(row: dict[str, Any]) -> bool:
    """Whether a row is of this format."""
    return "tests" in row


def problem(row: dict[str, Any]) -> Problem:
    """One problem. Raises ValueError for a missing or malformed field."""
    from pydantic import TypeAdapter  # costs 0.1 s

    return TypeAdapter(Problem).validate_python(row)
