"""The report of a run: `summary.json` with every number, `report.html` for readers, a short table for the terminal.

A further part of the report is a key of the summary, a template that shows it where it is there (included in
templates/report.html.jinja), a row in docs/report.md and, if its absence leaves a question open, a line in `unchecked`.
A further figure is a line in `figures.FIGURES`: docs/adding.md.
"""

from __future__ import annotations

from pathlib import Path

from selfdistill import files
from selfdistill.directory import RunDirectory
from selfdistill.report.html import render
from selfdistill.report.summary import build_summary
from selfdistill.report.terminal import terminal_table

__all__ = ["build_summary", "terminal_table", "write_report"]


def write_report(run_dir: Path) -> Path:
    """Write summary.json, then report.html, each whole or not at all.

    Returns:
        The path of report.html.

    Raises:
        UserError: the evaluation is missing or unfinished, a file is broken, or the directory cannot be written to.
    """
    directory = RunDirectory(run_dir)
    summary = build_summary(run_dir)
    page = render(summary)
    files.write_json(directory.summary, summary)
    files.write_text(directory.report, page)
    return directory.report
