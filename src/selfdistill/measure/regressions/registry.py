"""regressions/tasks.json: what is measured in a run, whether the recipe asked for it or a command did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from selfdistill.errors import UserError
from selfdistill.files import read_json, write_json
from selfdistill.measure.regressions.records import Measure, Measured


def read_measured(root: Path) -> list[Measured]:
    """The tasks, in the order in which they were first measured; none without the file."""
    from pydantic import TypeAdapter

    path = _path(root)
    return TypeAdapter(list[Measured]).validate_python(read_json(path)) if path.exists() else []


def register(root: Path, tasks: Sequence[Measured]) -> None:
    """Add new tasks; those that are there already stay as they are.

    Raises:
        UserError: a task has other items or other decodings than when it was begun.
    """
    known = {each.slug: each for each in read_measured(root)}
    for each in tasks:
        before = known.setdefault(each.slug, each)
        if (before.fingerprint, before.decodings) != (each.fingerprint, each.decodings):
            raise UserError(
                f"the task {each.name} is not what it was when it was first measured here",
                where=root / "regressions" / each.slug,
                fix=f"delete {root / 'regressions'} to measure all tasks anew",
            )
    _write(root, list(known.values()))


def describe(root: Path, slug: str, *, score: str, measure: Measure, higher_is_better: bool) -> None:
    """Note what a task's score is, where only running it tells."""
    known = {each.slug: each for each in read_measured(root)}
    known[slug] = replace(known[slug], score=score, measure=measure, higher_is_better=higher_is_better)
    _write(root, list(known.values()))


def _write(root: Path, tasks: Sequence[Measured]) -> None:
    from pydantic import TypeAdapter

    write_json(_path(root), TypeAdapter(list[Measured]).dump_python(list(tasks), mode="json"))


def _path(root: Path) -> Path:
    return root / "regressions" / "tasks.json"
