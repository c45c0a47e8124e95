"""What the commands that run studies share: their options, and how a result is written and shown."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from selfdistill.report.pages.page import Page

JobsOption = Annotated[
    int, typer.Option("--jobs", min=1, help="Runs at the same time, each in a process with its share of the cores.")
]
SeedsOption = Annotated[int, typer.Option("--seeds", min=1, help="How many seeds: 0, 1, ...")]


def publish(name: str, summary: Mapping[str, Any], page: Page, out: Path) -> None:
    """Write NAME.json, NAME.md and NAME.html, print the tables, and say where the figures are."""
    from selfdistill.files import write_json, write_text
    from selfdistill.report.pages.page import write_page
    from selfdistill.studies.directory import StudyDirectory

    study = StudyDirectory(out)
    write_json(study.numbers(name), summary)
    write_text(study.tables(name), page.markdown())
    print(page.markdown())
    print(f"figures: {write_page(page, study.page(name)).resolve()}")


def numbers(text: str, option: str, *, above: float) -> tuple[float, ...]:
    """Comma-separated numbers, sorted and without repeats.

    Raises:
        UserError: one of them is not a finite number above the bound.
    """
    from math import isfinite

    from selfdistill.errors import UserError

    found = set()
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        try:
            value = float(part)
        except ValueError:
            raise UserError(f"{part!r} is not a number", where=option, fix="write e.g. 0.5,0.7,1.0") from None
        if not isfinite(value) or value <= above:
            raise UserError(f"{part} is out of range", where=option)
        found.add(value)
    return tuple(sorted(found))
