"""Options that are comma-separated lists."""

from __future__ import annotations

from math import isfinite

from selfdistill.errors import UserError
from selfdistill.studies.grid import Truncation


def names(text: str) -> list[str]:
    """The parts, without space around them."""
    return [part.strip() for part in text.split(",") if part.strip()]


def numbers(text: str, option: str, *, above: float) -> tuple[float, ...]:
    """The numbers, sorted and without repeats.

    Raises:
        UserError: one of them is not a finite number above the bound.
    """
    found = set()
    for part in names(text):
        try:
            value = float(part)
        except ValueError:
            raise UserError(f"{part!r} is not a number", where=option, fix="write e.g. 0.5,0.7,1.0") from None
        if not isfinite(value) or value <= above:
            raise UserError(f"{part} is out of range", where=option)
        found.add(value)
    return tuple(sorted(found))


def truncations(text: str) -> tuple[Truncation, ...]:
    """Comma-separated TOP_K/TOP_P.

    Raises:
        UserError: one of them is not of this form, or out of range.
    """
    found = []
    for part in names(text):
        top_k, _, top_p = part.partition("/")
        try:
            each = Truncation(int(top_k), float(top_p))
            each.at(1.0)
        except ValueError:
            raise UserError(
                f"{part!r} is not TOP_K/TOP_P", where="--truncation", fix="write e.g. 20/0.8,0/1; 0/1 is none"
            ) from None
        found.append(each)
    return tuple(dict.fromkeys(found))
