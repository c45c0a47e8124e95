"""The shared files of hostile and of disputed programs as submissions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from selfdistill.grading import Submission
from selfdistill.records import AssertTests, CallCase, CallTests, StdinCase, StdinTests


def rows(path: Path) -> dict[str, dict[str, Any]]:
    """The rows of a file by name and kind."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return {f"{row['name']}/{row['kind']}": row for row in lines}


def submission(key: str, row: dict[str, Any], outside: Path | str = "/nonexistent") -> Submission:
    """One row; `{OUTSIDE}` in its code becomes a directory."""
    code = row["code"] if "code" in row else row["program"]
    return Submission(key, code.replace("{OUTSIDE}", str(outside)), _tests(row["kind"], row["tests"]))


def _tests(kind: str, tests: Any) -> StdinTests | CallTests | AssertTests:
    if kind == "stdin":
        return StdinTests(tuple(StdinCase(test["input"], test["output"]) for test in tests))
    if kind == "call":
        cases = tuple(CallCase(tuple(case["args"]), case["expected"]) for case in tests["cases"])
        return CallTests(tests["entry"], cases)
    return AssertTests(tests["check"], tests["entry"])
