"""Where a study keeps what: the one place that knows its file names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from selfdistill.directory import RunDirectory


@dataclass(frozen=True, slots=True)
class StudyDirectory:
    """The paths of one study: a run directory a cell, and the result under the study's name."""

    root: Path

    def run(self, cell: str) -> RunDirectory:
        """Of one cell, by its name."""
        return RunDirectory(self.root / cell)

    def numbers(self, study: str) -> Path:
        """Every number of the study's page."""
        return self.root / f"{study}.json"

    def tables(self, study: str) -> Path:
        """The page's tables as Markdown."""
        return self.root / f"{study}.md"

    def page(self, study: str) -> Path:
        """The page for people."""
        return self.root / f"{study}.html"

    @property
    def preview_scores(self) -> Path:
        """Of a preview: scores problem by problem."""
        return self.root / "preview.npz"

    @property
    def log(self) -> Path:
        """What the processes of several cells say."""
        return self.root / "study.log"
