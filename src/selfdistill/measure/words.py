"""How numbers and judgements are put into words, the same in the answer, the tables, the charts and the terminal.

Values are fractions; readers get percent, and differences in percentage points. All of them are rounded by `number`, so
that one value never reads 59.5 in one place and 59.6 in another.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, TypeGuard

VERDICTS = {1: "better", -1: "worse", 0: "not distinguishable"}
"""Of a student's difference to a base, by the sign of its whole interval."""
UNDEFINED = "–"


def percent(value: float | None, digits: int = 1) -> str:
    """0.578 -> "57.8 %" (with a space that does not break)."""
    return f"{number(100 * value, digits)}\u00a0%" if _defined(value) else UNDEFINED


def points(value: float | None) -> str:
    """0.054 -> "+5.4", in percentage points, always signed except for what rounds to 0."""
    if not _defined(value):
        return UNDEFINED
    text = number(100 * value)
    return text if text.startswith("−") or text == "0.0" else f"+{text}"


def point_interval(difference: Mapping[str, Any]) -> str:
    """A difference with its interval: "+5.4 [+3.9, +7.0]"."""
    if not _defined(difference["value"]):
        return UNDEFINED
    low, high = points(difference["low"]), points(difference["high"])
    return f"{points(difference['value'])}\u00a0[{low},\u00a0{high}]"


def percent_interval(estimate: Mapping[str, Any]) -> str:
    """A score with its interval: "57.8 [54.9, 60.7]", in percent."""
    if not _defined(estimate["value"]):
        return UNDEFINED
    low, high = number(100 * estimate["low"]), number(100 * estimate["high"])
    return f"{number(100 * estimate['value'])}\u00a0[{low},\u00a0{high}]"


def number(value: float, digits: int = 1) -> str:
    """A number with a true minus sign and thin thousands: 12345.6 -> "12,345.6"; never "−0.0".

    Halves are rounded away from zero, once what floating point left is gone: 59.55 is 59.6, and 59.549999999 too.
    """
    if not math.isfinite(value):
        return str(value)
    exact = Decimal(f"{value:.6f}")
    rounded = exact.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
    return f"{rounded or abs(rounded):,}".replace("-", "−")


def count(value: float | None) -> str:
    """12345 -> "12,345"."""
    return number(value, 0) if _defined(value) else UNDEFINED


def duration(seconds: float | None) -> str:
    """Seconds in the unit that suits: "4.2 s", "3 min 12 s", "2 h 5 min"."""
    if not _defined(seconds):
        return UNDEFINED
    if seconds < 60:
        return f"{number(seconds)}\u00a0s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60}\u00a0min {whole % 60}\u00a0s"
    return f"{whole // 3600:,}\u00a0h {whole % 3600 // 60}\u00a0min"


def gigabytes(size: float | None) -> str:
    """Bytes as "12.3 GB", of 10^9 bytes."""
    return f"{number(size / 1e9)}\u00a0GB" if _defined(size) else UNDEFINED


def plural(amount: int, noun: str) -> str:
    """ "1 problem", "600 problems"."""
    return f"{count(amount)}\u00a0{noun}{'' if amount == 1 else 's'}"


def listed(items: list[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    return " and ".join(filter(None, [", ".join(items[:-1]), *items[-1:]]))


def unbroken(title: str) -> str:
    """A system's title whose settings do not break over lines: "base, T 0.7, top-k 20"."""
    return ", ".join(part.replace(" ", "\u00a0").replace("-", "\u2011") for part in title.split(", "))


def sentence(text: str) -> str:
    """With a capital letter first; the rest as it is."""
    return text[:1].upper() + text[1:]


def _defined(value: float | None) -> TypeGuard[float]:
    return value is not None and not math.isnan(value)
