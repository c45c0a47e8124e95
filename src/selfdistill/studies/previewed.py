"""Read a finished preview: its settings, and every problem's score under each."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import cast
from zipfile import BadZipFile

import numpy as np

from selfdistill.directory import RunDirectory
from selfdistill.errors import UserError, first_line
from selfdistill.files import read_sealed
from selfdistill.measure.evaluated import read_problems
from selfdistill.measure.scores import ScoreTables, rows_of
from selfdistill.report.results import Interval, Preview, PreviewPoint
from selfdistill.run.integrity import check
from selfdistill.studies.directory import StudyDirectory

_AGAIN = "the preview's own command makes it again"


@dataclass(frozen=True, slots=True)
class Previewed:
    """One measure of a preview."""

    root: Path
    seed: int
    measure: str
    points: tuple[PreviewPoint, ...]
    """Of preview.json; all but greedy."""
    greedy: Interval | None
    """Greedy's score with its interval, where the measure has one."""
    table: np.ndarray
    """(problems, points + 1) scores, greedy last; NaN where undefined."""

    def trusted(self) -> list[int]:
        """Positions of the points whose estimate can be trusted."""
        return [position for position, point in enumerate(self.points) if point["trusted"][self.measure]]

    def on_problems_of(self, tables: ScoreTables) -> np.ndarray:
        """The table with its problems in the order of another evaluation's.

        Raises:
            UserError: that was judged on different problems.
        """
        known = [problem.task_id for problem in read_problems(RunDirectory(self.root))]
        return self.table[rows_of(tables.task_ids, known, self.root, tables.root)]


def read_preview(root: Path, measure: str) -> Previewed:
    """Read one measure.

    Raises:
        UserError: there is no preview, or not this measure.
    """
    study = StudyDirectory(root)
    if not study.numbers("preview").is_file():
        raise UserError("holds no preview", where=root, fix="run selfdistill preview RECIPE --out DIR")
    summary = cast("Preview", read_sealed(study.numbers("preview"), _AGAIN))
    if measure not in summary["measures"]:
        raise UserError(f"no {measure} in this preview", where=root, fix=f"one of {summary['measures']}")
    check(RunDirectory(root), "evaluation")
    table = _table(study.preview_scores, measure)
    return Previewed(root, summary["seed"], measure, tuple(summary["points"]), summary["greedy"].get(measure), table)


def _table(path: Path, measure: str) -> np.ndarray:
    """One array of an archive, whose every member has a checksum of its own.

    Raises:
        UserError: the file is missing or damaged.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            table: np.ndarray = arrays[measure]
    except FileNotFoundError:
        raise UserError("is missing", where=path, fix=_AGAIN) from None
    except (BadZipFile, zlib.error, ValueError, KeyError, EOFError) as error:
        raise UserError(f"differs from what was written: {first_line(error)}", where=path, fix=_AGAIN) from error
    return table
