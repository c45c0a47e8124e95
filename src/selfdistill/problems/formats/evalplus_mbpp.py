"""What a row of MBPP+ does not say itself: which inputs JSON has turned from tuples into lists, and which results are
right.

EvalPlus' releases keep arguments as JSON and turn them back by the task's number; a few tasks are judged by another
rule than equality. Source: evalplus 0.3.1, data/mbpp.py and eval/_special_oracle.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from selfdistill.records import Compare

Arguments = list[Any]


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _all(value: Any) -> Any:
    return tuple(map(_all, value)) if isinstance(value, list) else value


def _inner(value: list[Any]) -> list[Any]:
    return [_tuple(item) for item in value]


_CONVERSIONS: list[tuple[tuple[int, ...], Callable[[Arguments], Arguments]]] = [
    (
        (2, 116, 132, 143, 222, 261, 273, 394, 399, 421, 424, 429, 470, 560, 579, 596, 616, 630, 726, 740, 744, 809),
        lambda given: [tuple(each) for each in given],
    ),
    (
        (63, 64, 70, 94, 120, 237, 272, 299, 400, 409, 417, 438, 473, 614, 780),
        lambda given: [[tuple(item) for item in each] for each in given],
    ),
    ((75, 413, 444, 753), lambda given: [_inner(given[0]), given[1]]),
    ((106, 750), lambda given: [given[0], tuple(given[1])]),
    ((115,), lambda given: [[set(item) if isinstance(item, list) and item else {} for item in given[0]]]),
    ((124,), lambda given: [float(given[0]), complex(given[1])]),
    ((250, 405, 446, 617, 720, 763, 808), lambda given: [tuple(given[0]), given[1]]),
    ((259, 401, 445), lambda given: [tuple(tuple(item) for item in each) for each in given]),
    ((278,), lambda given: [tuple(_tuple(item) for item in given[0])]),
    ((307,), lambda given: [tuple(given[0]), given[1], given[2]]),
    ((722,), lambda given: [{key: tuple(value) for key, value in given[0].items()}, *given[1:]]),
    ((252,), lambda given: [complex(given[0])]),
    ((580, 615, 791), lambda given: list(_all(given))),
]
_BY_TASK = {task: convert for tasks, convert in _CONVERSIONS for task in tasks}
_AS_SETS = frozenset(
    {
        "similar_elements",
        "find_char_long",
        "common_in_nested_lists",
        "extract_singly",
        "larg_nnum",
        "intersection_array",
        "find_dissimilar",
        "Diff",
    }
)
_IS_GIVEN = frozenset({"check_str", "text_match_three", "text_starta_endb"})


def arguments(task_id: str, given: Arguments) -> tuple[Any, ...]:
    """One call's arguments, of the types that the task is about.

    >>> arguments("Mbpp/106", [[5, 6], [9, 10]])
    ([5, 6], (9, 10))
    """
    dataset, _, number = task_id.partition("/")
    convert = _BY_TASK.get(int(number)) if dataset.lower() == "mbpp" and number.isdecimal() else None
    return tuple(convert(given) if convert else given)


def comparison(task_id: str, entry_point: str) -> Compare:
    """The rule by which a task's results are judged."""
    if not task_id.lower().startswith("mbpp/"):
        return "root" if entry_point == "find_zero" else "equal"
    if entry_point == "are_equivalent":
        return "anything"
    if entry_point in _AS_SETS:
        return "as sets"
    return "is given" if entry_point in _IS_GIVEN else "equal"


def also_right(task_id: str, entry_point: str, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Further results of one call that count as right: the statement can be read in two ways."""
    if not task_id.lower().startswith("mbpp/"):
        return ()
    if entry_point == "sum_div":
        return (0,)
    if entry_point == "surface_Area":  # the height of the pyramid, not the slant height
        edge, height = args
        return (round(edge**2 + 2 * edge * math.sqrt((edge / 2) ** 2 + height**2)),)
    if entry_point == "digit_distance_nums":  # the shorter number is padded on its left
        first, second = map(str, args)
        width = max(len(first), len(second))
        pairs = zip(first.zfill(width), second.zfill(width), strict=True)
        return (sum(abs(int(a) - int(b)) for a, b in pairs),)
    return ()
