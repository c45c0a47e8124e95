"""Texts as words, and as runs of words."""

from __future__ import annotations

import re
from collections.abc import Sequence

_WORD = re.compile(r"\w+")


def words(text: str) -> list[str]:
    """Lower-case words: letters, digits and underscores of any script; punctuation and white space part them.

    >>> words("Keep x >= 3, then\\nreturn len(xs).")
    ['keep', 'x', '3', 'then', 'return', 'len', 'xs']
    """
    return _WORD.findall(text.lower())


def runs(found: Sequence[str], length: int) -> list[str]:
    """Every run of `length` words, in order; none of a shorter text."""
    return list(map(" ".join, zip(*(found[start:] for start in range(length)), strict=False)))


def shingles(found: Sequence[str], length: int) -> frozenset[str]:
    """The set of runs that similarity is measured on; a shorter text is one run as a whole."""
    return frozenset(runs(found, length) or ([" ".join(found)] if found else []))


def jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    """Size of the intersection over size of the union; 0 for two empty sets."""
    both = len(one & other)
    union = len(one) + len(other) - both
    return both / union if union else 0.0
