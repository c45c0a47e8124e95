"""How the result of a study is shown in the terminal, once it is written."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from selfdistill.report.pages.page import Page
from selfdistill.studies.publish import publish


def show(name: str, summary: Mapping[str, Any], page: Page, out: Path) -> None:
    """Write the result, print its tables, and say where the figures are."""
    path = publish(name, summary, page, out)
    print(page.markdown())
    print(f"figures: {path.resolve()}")
