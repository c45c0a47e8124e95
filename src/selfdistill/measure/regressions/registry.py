"""regressions/tasks.json: what is measured in a run, whether the recipe asked for it or a command did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from selfdistill.directory import RunDirectory
from selfdistill.errors import UserError
from selfdistill.files import read_json, write_json
from selfdistill.measure.regressions.records import Measure, Measured


def read_measured(directory: RunDirectory) -> list[Measured]:
    """The tasks, in the order in which they were first measured; none without the file."""
    from pydantic import TypeAdapter

    path = directory.regression_tasks
    return TypeAdapter(list[Measured]).validate_python(read_json(path)) if path.exists() else []


def register(directory: RunDirectory, tasks: Sequence[Measured]) -> None:
    """Add new tasks; those that are there already stay as they are.

    Raises:
        UserError: a task has other items or other decodings than when it was begun.
    """
    known = {each.slug: each for each in read_measured(directory)}
    for each in tasks:
        before = known.setdefault(each.slug, each)
        if (before.fingerprint, before.decodings) != (each.fingerprint, each.decodings):
            raise UserError(
                f"the task {each.name} is not what it was when it was first measured here",
                where=directory.regressions / each.slug,
                fix=f"delete {directory.regressions} to measure all tasks anew",
            )
    _write(directory, list(known.values()))


def describe(directory: RunDirectory, slug: str, *, score: str, measure: Measure, higher_is_better: bool) -> None:
    """Note what a task's score is, where only running it tells."""
    known = {each.slug: each for each in read_measured(directory)}
    known[slug] = replace(known[slug], score=score, measure=measure, higher_is_better=higher_is_better)
    _write(directory, list(known.values()))


def _write(directory: RunDirectory, tasks: Sequence[Measured]) -> None:
    from pydantic import TypeAdapter

    write_json(directory.regression_tasks, TypeAdapter(list[Measured]).dump_python(list(tasks), mode="json"))
