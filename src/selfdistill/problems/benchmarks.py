"""Load a benchmark by name: an embedded one, one of the hub, a code base's functions, or a local file.

A row's fields tell its format: HumanEval, EvalPlus (HumanEval+, MBPP+), MBPP and its sanitized set, CRUXEval,
LiveCodeBench's `code_generation_lite`, and `Problem` records of our own (docs/formats.md). Files: .jsonl or .json, also
.gz, on this machine or on object storage.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from selfdistill.checked import checked
from selfdistill.errors import UserError
from selfdistill.json_rows import json_rows, unpacked
from selfdistill.problems.embedded_benchmarks import FAMILIES, embedded_problems
from selfdistill.problems.formats import cruxeval, evalplus, humaneval, livecodebench, mbpp, own
from selfdistill.problems.formats.hub import Hub
from selfdistill.problems.held_out import held_out
from selfdistill.problems.repository import is_repository
from selfdistill.records import Problem
from selfdistill.seeds import digest
from selfdistill.urls import is_url, suffixes

if TYPE_CHECKING:
    from selfdistill.recipe.evaluation import EvaluationSettings


Row = dict[str, Any]


class Format(Protocol):
    """A module in `formats`."""

    @property
    def HUB(self) -> Mapping[str, Hub]:
        """Names under which `load_benchmark` finds sets of this format on the hub."""
        ...

    def fits(self, row: Row) -> bool:
        """Whether a row is of this format."""
        ...

    def problem(self, row: Row) -> Problem:
        """One problem. Raises KeyError, TypeError or ValueError for a row with a fault."""
        ...


FORMATS: tuple[Format, ...] = (livecodebench, evalplus, humaneval, mbpp, cruxeval, own)
"""A row has the first that it fits."""


def names() -> tuple[str, ...]:
    """The benchmarks that the hub has."""
    return tuple(name for each in FORMATS for name in each.HUB)


MALFORMED = (LookupError, TypeError, ValueError, AttributeError, RecursionError, SyntaxError)
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
        name_or_path: one of `names()`, a file, a file's URL, or `repository:DIR` for the functions of a code base that
            have doctests.
        target: which side CRUXEval asks for; by default what the name says, or `output`.
        since: first contest date, ISO 8601; for the LiveCodeBench names by default the published window.
        until: the day after the last contest date.
        difficulty: only these problems (`easy`, `medium`, `hard`).

    Raises:
        UserError: there is no such benchmark or file, its format is unknown, or a row lacks a field.
    """
    if is_repository(name_or_path):
        return held_out(name_or_path).problems
    hub = None if Path(name_or_path).exists() else _on_hub(name_or_path)
    fields = {"target": target} if target else {}
    if hub is None:
        rows = _file_rows(name_or_path)
    else:
        rows, fields = _hub_rows(name_or_path, hub), {**hub.fields, **fields}
        since, until = since or hub.window[0], until or hub.window[1]
    problems = tuple(_problems(rows, fields, name_or_path, since, until))
    if difficulty is not None:
        problems = tuple(problem for problem in problems if problem.difficulty == difficulty)
    repeated = [task_id for task_id, count in Counter(problem.task_id for problem in problems).items() if count > 1]
    if repeated:
        raise UserError(f"has {len(repeated)} ids more than once, such as {repeated[0]}", where=name_or_path)
    odd = next((each.task_id for each in problems if any("\ud800" <= char <= "\udfff" for char in each.task_id)), None)
    if odd is not None:
        raise UserError(f"the id {odd!r} holds half of a character, which no file can", where=name_or_path)
    if not problems:
        raise UserError("no problems are left", where=name_or_path, fix="widen --since, --until or --difficulty")
    return problems


def limited(problems: tuple[Problem, ...], limit: int | None) -> tuple[Problem, ...]:
    """A random subset in the same order, the same for every seed of a run: runs are paired problem by problem."""
    by_digest = sorted(problems, key=lambda problem: digest(0, "problems", problem.task_id))
    chosen = {problem.task_id for problem in by_digest[:limit]}
    return tuple(problem for problem in problems if problem.task_id in chosen)


def load_problems(settings: EvaluationSettings) -> tuple[Problem, ...]:
    """The benchmark of a recipe's evaluation section, cut to its dates and its limit, in the benchmark's order.

    Raises:
        UserError: no such benchmark or file, a broken line, or nothing left.
    """
    if settings.benchmark in FAMILIES:
        problems = embedded_problems(FAMILIES[settings.benchmark], settings.split)
    else:
        problems = load_benchmark(settings.benchmark, since=settings.since, until=settings.until)
    problems = limited(problems, settings.limit)
    if not problems:
        raise UserError("the benchmark has no problem in this window", where=settings.benchmark)
    return problems


def _problems(
    rows: Iterable[Row], fields: Mapping[str, Any], where: str, since: str | None, until: str | None
) -> Iterator[Problem]:
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, dict):
            raise UserError("not an object", where=f"{where}: row {number}", fix="see docs/grading.md for the formats")
        date = str(row.get("contest_date") or row.get("date") or "")
        if (since and date < since) or (until and date >= until):
            continue  # before parsing: private tests are large
        try:
            yield _problem({**row, **fields})
        except MALFORMED as error:
            fault = f"the row lacks {error}" if isinstance(error, KeyError) else f"the row is malformed: {error}"
            raise UserError(fault, where=f"{where}: row {number}", fix="see docs/grading.md for the formats") from error


def _problem(row: Row) -> Problem:
    for each in FORMATS:
        if each.fits(row):
            return each.problem(row)
    raise ValueError(f"unknown format, with fields {', '.join(sorted(row))}")


def _file_rows(path: str) -> Iterator[Row]:
    if not is_url(path) and not Path(path).is_file():
        raise UserError("no such benchmark or file", where=path, fix=f"give a file or one of {', '.join(names())}")
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


def _on_hub(name: str) -> Hub | None:
    return next((each.HUB[name] for each in FORMATS if name in each.HUB), None)


def _hub_rows(name: str, hub: Hub) -> Iterator[Row]:
    from datasets import load_dataset  # slow, and needed only here

    try:
        yield from load_dataset(hub.dataset, **hub.arguments)
    except (OSError, ValueError, RuntimeError) as error:
        raise UserError(
            f"cannot be loaded from the hub: {str(error).splitlines()[0]}",
            where=name,
            fix="check the connection, or download the file and give its path",
        ) from error
