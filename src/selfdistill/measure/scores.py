"""Score tables: pass@k of every problem and system of a finished evaluation, and of several on the same problems.

The one reader of scores. Whatever pairs evaluations problem by problem takes them from `read_paired`, which puts their
problems in one order and refuses different ones. Estimates nothing (`estimates` and `statistics` do).
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from selfdistill.directory import RunDirectory
from selfdistill.errors import UserError
from selfdistill.measure.comparisons import find
from selfdistill.measure.evaluated import Evaluation, read_evaluation
from selfdistill.measure.statistics import Scores, Tables, pass_at_k_scores
from selfdistill.steps.evaluation.systems import System

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, slots=True)
class ScoreTables:
    """The scores of one evaluation."""

    root: Path
    """Of the run, for messages."""
    systems: tuple[System, ...]
    """In the order of the tables' columns."""
    task_ids: tuple[str, ...]
    """In the order of the tables' rows."""
    tables: Tables

    def of(self, system: System) -> Scores:
        """One system's scores; the same model and decoding in another run is the same system.

        Raises:
            UserError: it was not evaluated here.
        """
        names = [each.name for each in self.systems]
        if system.name not in names:
            raise UserError(f"holds no scores of {system.title!r}", where=self.root)
        return self._column(names.index(system.name))

    def default(self, model: str) -> Scores:
        """One model's scores at its default decoding.

        Raises:
            UserError: it was not evaluated.
        """
        column = find(self.systems, model, "default")
        if column is None:
            raise UserError(f"holds no scores of the {model} at its default decoding", where=self.root)
        return self._column(column)

    def _column(self, column: int) -> Scores:
        return {measure: table[:, column] for measure, table in self.tables.items()}


def score_tables(evaluation: Evaluation, ks: Sequence[int]) -> ScoreTables:
    """pass@k of every problem and system."""
    counts = [(each.judged.tolist(), each.passed.tolist()) for each in evaluation.evaluated]
    return ScoreTables(
        root=evaluation.directory.root,
        systems=tuple(each.system for each in evaluation.evaluated),
        task_ids=tuple(problem.task_id for problem in evaluation.problems),
        tables={f"pass@{k}": np.stack([pass_at_k_scores(*pair, k) for pair in counts], axis=1) for k in ks},
    )


def read_scores(directory: RunDirectory, ks: Sequence[int], systems: Sequence[System] | None = None) -> ScoreTables:
    """The scores of a finished evaluation.

    Args:
        directory: of the run.
        ks: each k of pass@k.
        systems: those that are wanted, of the evaluated ones; all by default.

    Raises:
        UserError: there is no evaluation, or it is not finished.
    """
    return score_tables(read_evaluation(directory, systems=systems), ks)


def read_paired(directories: Mapping[Key, RunDirectory], ks: Sequence[int]) -> dict[Key, ScoreTables]:
    """The scores of several evaluations on the same problems, all in the order of the first one's.

    Raises:
        UserError: one is not evaluated, or was judged on different problems.
    """
    found = [read_scores(directory, ks) for directory in directories.values()]
    return dict(zip(directories, align(found), strict=True))


def align(several: Sequence[ScoreTables]) -> list[ScoreTables]:
    """The same scores with all problems in the order of the first one's.

    Raises:
        UserError: one was judged on different problems.
    """
    return [_reordered(each, several[0]) for each in several]


def rows_of(wanted: Sequence[str], known: Sequence[str], root: Path, against: Path) -> list[int]:
    """Where the wanted problems stand among the known ones, which must be the same.

    Args:
        wanted: ids, in the order that is wanted.
        known: ids, in the order of the rows.
        root: what was judged on the known ones.
        against: what was judged on the wanted ones.

    Raises:
        UserError: they are different, or one is known twice.
    """
    places = {task_id: row for row, task_id in enumerate(known)}
    missing = [task_id for task_id in wanted if task_id not in places]
    more = sorted(places.keys() - set(wanted))
    if missing or more or len(places) != len(known):
        parts = [f"{len(ids):,} {what} ({ids[0]})" for what, ids in (("missing", missing), ("more", more)) if ids]
        raise UserError(
            f"was judged on different problems than {against}: {', '.join(parts) or 'one of them twice'}",
            where=root,
            fix="give both the same evaluation section",
        )
    return [places[task_id] for task_id in wanted]


def _reordered(each: ScoreTables, first: ScoreTables) -> ScoreTables:
    if each.task_ids == first.task_ids:
        return each
    rows = rows_of(first.task_ids, each.task_ids, each.root, first.root)
    tables = {measure: table[rows] for measure, table in each.tables.items()}
    return replace(each, task_ids=first.task_ids, tables=tables)
