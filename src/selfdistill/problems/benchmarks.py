"""Load a benchmark by name from the hub, or from a local file whose format is told by its rows' fields.

Formats: HumanEval, EvalPlus (HumanEval+, MBPP+), MBPP and its sanitized set, CRUXEval, LiveCodeBench's
`code_generation_lite`, and `Problem` records of our own (docs/formats.md). Files: .jsonl or .json, also .gz, on this
machine or on object storage.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

from selfdistill.checked import checked
from selfdistill.errors import UserError
from selfdistill.json_rows import json_rows, unpacked
from selfdistill.problems.formats import cruxeval, evalplus, humaneval, livecodebench, mbpp
from selfdistill.records import Problem
from selfdistill.urls import is_url, suffixes

Row = dict[str, Any]

_LIVECODEBENCH = "hf://datasets/livecodebench/code_generation_lite/"
_HUB: dict[str, tuple[str, dict[str, Any]]] = {
    "humaneval": ("openai/openai_humaneval", {"split": "test"}),
    "humaneval+": ("evalplus/humanevalplus", {"split": "test"}),
    "mbpp": ("google-research-datasets/mbpp", {"name": "full", "split": "test"}),
    "mbpp-sanitized": ("google-research-datasets/mbpp", {"name": "sanitized", "split": "prompt+train+validation+test"}),
    "mbpp+": ("evalplus/mbppplus", {"split": "test"}),
    "cruxeval-i": ("cruxeval-org/cruxeval", {"split": "test"}),
    "cruxeval-o": ("cruxeval-org/cruxeval", {"split": "test"}),
    "livecodebench-v5": (
        "json",
        {"split": "train", "data_files": [f"{_LIVECODEBENCH}test{n}.jsonl" for n in (3, 4, 5, 6)]},
    ),
    "livecodebench-v6": ("json", {"split": "train", "data_files": [f"{_LIVECODEBENCH}test{n}.jsonl" for n in (5, 6)]}),
}
_WINDOWS = {"livecodebench-v5": ("2024-08-01", "2025-02-01"), "livecodebench-v6": ("2025-02-01", "2025-06-01")}
"""First day, and the day after the last, of the problems that published results are about (method paper, Table 1)."""
NAMES = tuple(_HUB)
_MALFORMED = (LookupError, TypeError, ValueError, AttributeError, RecursionError, SyntaxError)
"""What reading a row raises that is not as its format says; deep JSON inside a field among it."""


@checked
def load_benchmark(
    name_or_path: str,
    *,
    target: Literal["input", "output"] | None = None,
    since: str | None = None,
    until: str | None = None,
    difficulty: str | None = None,
) -> tuple[Problem, ...]:
    """The problems of a benchmark.

    Args:
        name_or_path: one of `NAMES`, a file, or a file's URL.
        target: CRUXEval: which side is asked for; by default `output`, or what the name says.
        since: first contest date, ISO 8601; for the LiveCodeBench names by default the published window.
        until: the day after the last contest date.
        difficulty: only these problems (`easy`, `medium`, `hard`).

    Raises:
        UserError: there is no such benchmark or file, its format is unknown, or a row lacks a field.
    """
    named = name_or_path in _HUB and not Path(name_or_path).exists()
    if named:
        window = _WINDOWS.get(name_or_path, (None, None))
        since, until = since or window[0], until or window[1]
        target = target or ("input" if name_or_path == "cruxeval-i" else "output")
    rows = _hub_rows(name_or_path) if named else _file_rows(name_or_path)
    problems = tuple(_problems(rows, target or "output", name_or_path, since, until))
    if difficulty is not None:
        problems = tuple(problem for problem in problems if problem.difficulty == difficulty)
    repeated = [task_id for task_id, count in Counter(problem.task_id for problem in problems).items() if count > 1]
    if repeated:
        raise UserError(f"has {len(repeated)} ids more than once, such as {repeated[0]}", where=name_or_path)
    if not problems:
        raise UserError("no problems are left", where=name_or_path, fix="widen --since, --until or --difficulty")
    return problems


def _problems(
    rows: Iterable[Row], target: Literal["input", "output"], where: str, since: str | None, until: str | None
) -> Iterator[Problem]:
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, dict):
            raise UserError("not an object", where=f"{where}: row {number}", fix="see docs/grading.md for the formats")
        date = str(row.get("contest_date") or row.get("date") or "")
        if (since and date < since) or (until and date >= until):
            continue  # before parsing: private tests are large
        try:
            yield _problem(row, target)
        except _MALFORMED as error:
            fault = f"the row lacks {error}" if isinstance(error, KeyError) else f"the row is malformed: {error}"
            raise UserError(fault, where=f"{where}: row {number}", fix="see docs/grading.md for the formats") from error


def _problem(row: Row, target: Literal["input", "output"]) -> Problem:
    if "question_content" in row:
        return livecodebench.problem(row)
    if "base_input" in row:
        return evalplus.problem(row)
    if "canonical_solution" in row and "test" in row:
        return humaneval.problem(row)
    if "test_list" in row:
        return mbpp.problem(row)
    if {"code", "input", "output"} <= row.keys():
        return cruxeval.problem(row, target)
    if "tests" in row:
        from pydantic import TypeAdapter  # costs 0.1 s

        return TypeAdapter(Problem).validate_python(row)
    raise ValueError(f"unknown format, with fields {', '.join(sorted(row))}")


def _file_rows(path: str) -> Iterator[Row]:
    if not is_url(path) and not Path(path).is_file():
        raise UserError("no such benchmark or file", where=path, fix=f"give a file or one of {', '.join(NAMES)}")
    if suffixes(path.removesuffix(".gz"))[-1:] == [".jsonl"]:
        yield from (row for _where, row in json_rows(path))
        return
    with unpacked(path) as file:
        try:
            content = json.load(file)
        except (ValueError, RecursionError) as error:
            raise UserError(f"cannot be read: {error}", where=path) from error
    if not isinstance(content, (list, dict)):
        raise UserError("holds no rows", where=path, fix="see docs/grading.md for the formats")
    yield from content if isinstance(content, list) else content.values()


def _hub_rows(name: str) -> Iterator[Row]:
    from datasets import load_dataset  # slow, and needed only here

    dataset, arguments = _HUB[name]
    try:
        yield from load_dataset(dataset, **arguments)
    except (OSError, ValueError, RuntimeError) as error:
        raise UserError(
            f"cannot be loaded from the hub: {str(error).splitlines()[0]}",
            where=name,
            fix="check the connection, or download the file and give its path",
        ) from error
