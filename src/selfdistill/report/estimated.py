"""Estimates as JSON holds them; used by the summary and by studies."""

from __future__ import annotations

from typing import TypeVar

from selfdistill.measure.statistics import Estimate
from selfdistill.report.results import Estimated

DIGITS = 6
"""Beyond any meaning, and few enough that the order of floating-point sums does not show."""
Json = TypeVar("Json")


def estimated(each: Estimate) -> Estimated:
    """As it was measured, nan where undefined: what a file holds is `rounded` besides."""
    return {"value": each.value, "low": each.low, "high": each.high, "problems": each.problems}


def in_percent(estimate: Estimated) -> tuple[float, float, float] | None:
    """Value, low and high end, as charts draw them; None where there is no score."""
    value, low, high = estimate["value"], estimate["low"], estimate["high"]
    if value is None or low is None or high is None:
        return None
    return 100 * value, 100 * low, 100 * high


def rounded(value: Json) -> Json:
    """Whatever JSON can hold, its floats rounded and the undefined ones null; tuples become lists."""
    return _rounded(value)  # type: ignore[return-value]


def _rounded(value: object) -> object:
    if isinstance(value, float):
        return None if value != value else round(value, DIGITS)
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    return [_rounded(item) for item in value] if isinstance(value, (list, tuple)) else value
