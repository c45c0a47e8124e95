"""A benchmark's format: `{"ask": "Print 1 + 2.", "answer": "3"}`."""

from __future__ import annotations

from typing import Any

from selfdistill.problems.formats.hub import Hub
from selfdistill.records import Problem, StdinCase, StdinTests

HUB = {"sums": Hub("someone/sums")}


def fits(row: dict[str, Any]) -> bool:
    return {"ask", "answer"} <= row.keys()


def problem(row: dict[str, Any]) -> Problem:
    return Problem(task_id=row["ask"], statement=row["ask"], tests=StdinTests((StdinCase("", row["answer"]),)))
