"""Which programs agree: equal outputs on every input.

Outputs are equal as a careful test would see them: Python's `==`, floats within 1e-6 wherever they stand, nan like nan.
That an input makes a program raise is an output too, whatever it raises. Compares plain data of exact
built-in types; runs nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from selfdistill.grading.compare import TOLERANCE
from selfdistill.grading.ended import Raised
from selfdistill.grading.inside import plain

Outputs = tuple[Any, ...]
"""One an input, plain data or `Raised`."""


def groups_of(programs: Sequence[Outputs | None]) -> list[list[int]]:
    """Positions of programs that agree, the largest group first, of equal ones that with the earliest program.

    A program is in no group if it has no outputs (None), or if none of them says anything: it raises on every input,
    or returns None on every one, as programs do that change their argument, print, or are not finished.
    """
    groups: list[list[int]] = []
    for position, outputs in enumerate(programs):
        if outputs is None or all(output is None or isinstance(output, Raised) for output in outputs):
            continue
        for group in groups:
            first = programs[group[0]]
            assert first is not None
            if _agree(first, outputs):
                group.append(position)
                break
        else:
            groups.append([position])
    return sorted(groups, key=lambda group: (-len(group), group[0]))


def _agree(first: Outputs, second: Outputs) -> bool:
    """Values may be nested as deeply as plain data is. Too deep to compare, or too long to order: unequal."""
    try:
        return plain.deeply(lambda: all(map(same, first, second)))  # type: ignore[no-untyped-call]
    except (RecursionError, ValueError):
        return False


def same(one: Any, other: Any) -> bool:
    """Whether two outputs are equal."""
    if isinstance(one, Raised) or isinstance(other, Raised):
        return isinstance(one, Raised) and isinstance(other, Raised)
    if isinstance(one, (float, complex)) or isinstance(other, (float, complex)):
        return _same_numbers(one, other)
    if type(one) is not type(other):
        return bool(one == other)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return len(one) == len(other) and all(key in other and same(one[key], other[key]) for key in one)
    if isinstance(one, (set, frozenset)):
        return one == other or (len(one) == len(other) and all(map(same, _in_order(one), _in_order(other))))
    return bool(one == other)


def _same_numbers(one: Any, other: Any) -> bool:
    if not isinstance(one, (int, float, complex)) or not isinstance(other, (int, float, complex)):
        return False
    if one == other or (one != one and other != other):
        return True
    try:
        if isinstance(one, complex) or isinstance(other, complex):
            return abs(complex(one) - complex(other)) <= TOLERANCE * max(1.0, abs(one))
        return math.isclose(one, other, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    except OverflowError:  # an int beyond the floats
        return False


def _in_order(items: set[Any] | frozenset[Any]) -> list[Any]:
    """Elements in an order in which close floats come out side by side."""
    return sorted(items, key=lambda item: (0, item, "") if isinstance(item, (int, float)) else (1, 0, repr(item)))


def largest(groups: Sequence[Sequence[int]]) -> list[int]:
    """Every member of every group of the largest size; none where there is no group."""
    return [position for group in groups if len(group) == len(groups[0]) for position in group]
