"""Where the hub has a benchmark."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Hub:
    """What `datasets.load_dataset` is given, and what is made of its rows."""

    dataset: str
    arguments: Mapping[str, Any] = field(default_factory=lambda: {"split": "test"})
    window: tuple[str | None, str | None] = (None, None)
    """First day, and the day after the last, of the problems that published results are about."""
    fields: Mapping[str, Any] = field(default_factory=dict)
    """Added to each row."""
