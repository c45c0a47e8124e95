"""How the result of a study is written and shown."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from selfdistill.files import write_json, write_text
from selfdistill.report.pages.page import Page, write_page
from selfdistill.studies.directory import StudyDirectory


def publish(name: str, summary: Mapping[str, Any], page: Page, out: Path) -> None:
    """Write NAME.json, NAME.md and NAME.html, print the tables, and say where the figures are."""
    study = StudyDirectory(out)
    write_json(study.numbers(name), summary)
    write_text(study.tables(name), page.markdown())
    print(page.markdown())
    print(f"figures: {write_page(page, study.page(name)).resolve()}")
