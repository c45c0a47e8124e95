"""Which prompt sources are data sets, with parts of their own to choose from; all others are read whole."""

from __future__ import annotations

from pathlib import Path

from selfdistill.problems.repository import is_repository
from selfdistill.problems.tables import table_kind
from selfdistill.recipe.prompt_sources import BUILT_IN, SELF
from selfdistill.urls import is_url


def is_data_set(source: str) -> bool:
    """Whether `datasets` reads it: a directory or a hub id."""
    if source in (*BUILT_IN, SELF) or is_repository(source) or is_url(source):
        return False
    return Path(source).is_dir() or not (Path(source).is_file() or table_kind(source))
