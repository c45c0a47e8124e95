"""What a study found, on disk: NAME.json, NAME.md and NAME.html in its directory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from selfdistill.files import write_sealed, write_text
from selfdistill.report.pages.page import Page, write_page
from selfdistill.studies.directory import StudyDirectory


def publish(name: str, summary: Mapping[str, Any], page: Page, out: Path) -> Path:
    """Write all three; returns the page's path."""
    study = StudyDirectory(out)
    write_sealed(study.numbers(name), dict(summary))
    write_text(study.tables(name), page.markdown())
    return write_page(page, study.page(name))
