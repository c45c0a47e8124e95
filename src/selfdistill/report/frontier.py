"""The frontier: the first measure (precision) against the last (exploration) as the decoding varies.

One point *beats* another if it is at least as high on both measures and higher on one. The student's curve lies outside
the base's where every decoding of the base is beaten by some decoding of the student. These are statements about point
estimates; `hindsight.shown_frontier` says what the intervals show.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from selfdistill.report.summarised import Frontier
from selfdistill.steps.evaluation.systems import System

Point = tuple[float, float]


def frontier(systems: Sequence[System], first: Sequence[float], last: Sequence[float]) -> Frontier | None:
    """Who beats whom among the systems with both measures; None unless both models have one.

    Args:
        systems: all that were evaluated.
        first: mean of the first measure, one a system; may be NaN.
        last: mean of the last measure.
    """
    points = list(zip(first, last, strict=True))
    usable = [i for i, point in enumerate(points) if not any(map(math.isnan, point))]
    of = {model: [i for i in usable if systems[i].model == model] for model in ("base", "student")}
    if not of["base"] or not of["student"]:
        return None
    unbeaten = {
        model: [systems[i].name for i in of[model] if not any(beats(points[j], points[i]) for j in of[other])]
        for model, other in (("base", "student"), ("student", "base"))
    }
    return {
        "base_points": len(of["base"]),
        "base_beaten": len(of["base"]) - len(unbeaten["base"]),
        "base_unbeaten": unbeaten["base"],
        "student_points": len(of["student"]),
        "student_beaten": len(of["student"]) - len(unbeaten["student"]),
        "outside": not unbeaten["base"],
        "inside": not unbeaten["student"],
    }


def beats(one: Point, other: Point) -> bool:
    """Whether one point is at least as high on both measures and higher on one."""
    return one[0] >= other[0] and one[1] >= other[1] and one != other
