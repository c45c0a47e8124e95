"""What a user names for a model: a directory, or a hub id."""

from __future__ import annotations

import re
from pathlib import Path


def recipe_name(model: str) -> str:
    """A run's name from a directory's or a hub id's last part."""
    last = Path(model).expanduser().resolve().name if Path(model).expanduser().is_dir() else model.rpartition("/")[2]
    return re.sub(r"[^a-z0-9.]+", "-", last.lower()).strip("-.") or "model"


def is_model(source: str) -> bool:
    """Whether a text that is no recipe's name names a model: a directory of one, or a hub id."""
    if Path(source).expanduser().is_dir():
        return (Path(source).expanduser() / "config.json").is_file()
    return bool(re.fullmatch(r"[\w.-]+/[\w.-]+", source)) and not source.endswith((".yaml", ".yml"))
