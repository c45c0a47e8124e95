"""Which split an item belongs to: a hash of its canonical key, so that no item can be in two."""

from __future__ import annotations

import hashlib
from typing import Literal

Split = Literal["pretraining", "prompts", "validation", "test"]

PERCENT: dict[Split, int] = {"pretraining": 56, "prompts": 28, "validation": 8, "test": 8}


def split_of(key: str) -> Split:
    """The one split of this key."""
    place = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") % 100
    for split, percent in PERCENT.items():
        if place < percent:
            return split
        place -= percent
    raise AssertionError("PERCENT sums to 100")
