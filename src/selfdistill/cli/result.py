"""How a finished run is shown on a terminal."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from selfdistill.directory import RunDirectory
from selfdistill.files import read_json
from selfdistill.report import terminal_table


def print_result(root: Path) -> None:
    """The short table, and the report's path."""
    directory = RunDirectory(root)
    console = Console(markup=False)
    console.print(terminal_table(read_json(directory.summary)))
    print(f"report: {directory.report.resolve()}")
