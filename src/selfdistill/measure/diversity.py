"""How different the texts of a set are from each other, and which of them are near copies of earlier ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from selfdistill.measure.contamination.near import NearIndex
from selfdistill.measure.contamination.shingles import jaccard, shingles, words
from selfdistill.seeds import digest

SHINGLE = 3
OPENING = 4
COMPARED = 400
"""Texts that are compared with all the others; of more a subset is drawn."""


@dataclass(frozen=True, slots=True)
class Diversity:
    """Of one set of texts; NaN where it has too few."""

    texts: int
    words: float
    """Median length."""
    openings: float
    """Different first four words, as a share of the texts."""
    distinct_pairs: float
    """Different pairs of words in a row, as a share of all pairs ("distinct-2", Li et al. 2016)."""
    vocabulary: int
    """Different words."""
    nearest: float
    """Mean similarity of a text to its nearest other: Jaccard, of runs of three words."""


def diversity(texts: Sequence[str]) -> Diversity:
    """Measure a set of texts; the same set gives the same numbers, in any order."""
    found = [words(text) for text in texts]
    if not found:
        return Diversity(0, np.nan, np.nan, np.nan, 0, np.nan)
    pairs = [pair for each in found for pair in pairwise(each)]
    return Diversity(
        texts=len(found),
        words=float(np.median([len(each) for each in found])),
        openings=len({tuple(each[:OPENING]) for each in found}) / len(found),
        distinct_pairs=len(set(pairs)) / len(pairs) if pairs else np.nan,
        vocabulary=len({word for each in found for word in each}),
        nearest=_nearest(found),
    )


def first_of_near(texts: Sequence[str], similarity: float) -> list[bool]:
    """Of each text, whether no earlier one that is kept is as similar as this (Jaccard, runs of three words)."""
    sets = [shingles(words(text), SHINGLE) for text in texts]
    index = NearIndex(sets, similarity)
    kept: list[bool] = []
    for position, each in enumerate(sets):
        kept.append(not any(other < position and kept[other] for other in index.search(each)))
    return kept


def _nearest(found: Sequence[Sequence[str]]) -> float:
    if len(found) < 2:
        return float("nan")
    sets = [shingles(each, SHINGLE) for each in found]
    order = sorted(range(len(sets)), key=lambda index: digest(" ".join(found[index]), index))[:COMPARED]
    return float(
        np.mean([max(jaccard(sets[one], other) for place, other in enumerate(sets) if place != one) for one in order])
    )
