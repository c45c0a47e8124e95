"""How templates show values: the filters of every page."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from typing import Any

import yaml
from markupsafe import Markup

from selfdistill.explain.records import Band, Position, Program
from selfdistill.measure import words
from selfdistill.recipe.decoding import Decoding
from selfdistill.report import claims
from selfdistill.report.programs import program_html, visible
from selfdistill.report.tokens import token_code, token_name


def band(value: Band, digits: int = 3) -> str:
    """A mean with its interval."""
    if value.value != value.value:
        return words.UNDEFINED
    mean, low, high = (words.number(each, digits) for each in (value.value, value.low, value.high))
    return f"{mean}\u00a0[{low},\u00a0{high}]"


def percent_band(value: Band, digits: int = 2) -> str:
    """A share with its interval, in percent."""
    return band(Band(100 * value.value, 100 * value.low, 100 * value.high), digits)


def counted(counts: dict[str, int]) -> str:
    """Names with their counts."""
    return ", ".join(f"{name} {count}" for name, count in counts.items()) or "none"


def shaded(program: Program) -> list[tuple[Position, str]]:
    """The positions of a program with the class that shades each: kind, whether it moved much, where it leaves."""
    return [(position, _classes(position, program)) for position in program.positions]


def digest(script: str) -> str:
    """What a Content-Security-Policy names a script by."""
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _classes(position: Position, program: Program) -> str:
    moved = " moved" if position.moved >= 0.1 else ""
    leaves = " leaves" if position.offset == program.leaves_at else ""
    return f"{position.kind}{moved}{leaves}"


def _yaml(value: Any) -> str:
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=100)


FILTERS: dict[str, Callable[..., Any]] = {
    "percent": words.percent,
    "points": words.points,
    "point_interval": words.point_interval,
    "percent_interval": words.percent_interval,
    "count": words.count,
    "number": words.number,
    "duration": words.duration,
    "gigabytes": words.gigabytes,
    "sentence": words.sentence,
    "unbroken": words.unbroken,
    "band": band,
    "percent_band": percent_band,
    "counted": counted,
    "program": program_html,
    "name": token_name,
    "code": token_code,
    "visible": visible,
    "shaded": shaded,
    "decoding": lambda settings: Decoding(**settings).label,
    "training_data": claims.of_report,
    "yaml": _yaml,
    "drawing": Markup,  # a chart of ours, which is SVG
    "digest": digest,
}
