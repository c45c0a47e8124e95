"""Does an answer match what was expected? Runs on the host only, on exact built-in types only.

Standard output (LiveCodeBench's rule): strip, the same number of lines, each stripped, then equal or equal token by
token as Decimals. The `judge` rules differ in two points: a token is a number only if it is spelled as one (`1_000` is
not), and where the expected token has a fraction or an exponent, 1e-6 relative or absolute is close enough. Results of
calls: Python's `==`; a tuple stands for a list at the top; `judge` allows the same 1e-6 on floats.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from selfdistill.grading.inside import arrays, plain
from selfdistill.grading.limits import Rules
from selfdistill.records import CallCase, Compare

TOLERANCE = 1e-6
ROOT_TOLERANCE = 1e-4
"""Of a polynomial's value at its root: HumanEval's own."""
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)  # one way to match, so linear
_LONGEST_NUMBER = 10_000


def output_matches(output: bytes, expected: str, rules: Rules) -> bool:
    """Whether a program's standard output is the expected text."""
    lines, expected_lines = _lines(output.decode("utf-8", "replace")), _lines(expected)
    if len(lines) != len(expected_lines):
        return False
    same = _same_line if rules == "judge" else _same_line_livecodebench
    return all(line == wanted or same(line, wanted) for line, wanted in zip(lines, expected_lines, strict=True))


def value_matches(value: Any, expected: Any, rules: Rules) -> bool:
    """Whether a call's result, decoded to exact built-in types, is the expected value."""
    if type(value) is tuple and type(expected) is list and value[:1] != (arrays.ELEMENT,):
        value = list(value)
    equal = _close if rules == "judge" else operator.eq
    try:
        return bool(value == expected) or bool(equal(value, expected)) or _equal_arrays(value, expected, equal)
    except RecursionError:  # unequal by `==`, and nested too deeply for more
        return False


def _equal_arrays(value: Any, expected: Any, equal: Callable[[Any, Any], bool]) -> bool:
    """Equality where the value holds numpy arrays of one element: an array equals what holds an equal one once."""
    if type(value) is tuple and len(value) == 2 and value[0] == arrays.ELEMENT:
        while type(expected) is list and len(expected) == 1:
            expected = expected[0]
        return bool(equal(value[1], expected))
    if type(value) is list and type(expected) is list and len(value) == len(expected):
        return all(_equal_arrays(item, wanted, equal) for item, wanted in zip(value, expected, strict=True))
    return bool(equal(value, expected))


def call_matches(value: Any, case: CallCase, compare: Compare, rules: Rules) -> bool:
    """Whether a call's result is right under the tests' own rule. Values are of exact built-in types."""
    if compare == "anything":
        return True
    if compare == "is given":
        return (value if type(value) is bool else value is not None) is case.expected
    try:
        if compare == "as sets":
            return _elements(value) == _elements(case.expected)
        if compare == "root":
            return abs(sum(c * math.pow(value, power) for power, c in enumerate(case.args[0]))) <= ROOT_TOLERANCE
    except (TypeError, ValueError, OverflowError):  # not of a kind that could be right
        return False
    return any(value_matches(value, right, rules) for right in (case.expected, *case.also))


def _elements(values: Any) -> set[Any]:
    items = list(values)
    plain.refuse_collisions(items)
    return set(items)


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.strip().split("\n")]


def _same_line(line: str, expected: str) -> bool:
    tokens, expected_tokens = line.split(), expected.split()
    return len(tokens) == len(expected_tokens) and all(
        token == wanted or _same_number(token, wanted) for token, wanted in zip(tokens, expected_tokens, strict=True)
    )


def _same_number(token: str, expected: str) -> bool:
    if max(len(token), len(expected)) > _LONGEST_NUMBER:
        return False
    if not (_NUMBER.fullmatch(token) and _NUMBER.fullmatch(expected)):
        return False
    if _decimals([token]) == _decimals([expected]) is not None:
        return True
    if not any(mark in expected for mark in ".eE"):
        return False
    number, wanted = float(token), float(expected)
    if math.isinf(number) or math.isinf(wanted):  # beyond the floats, where any two would be equal
        return False
    return math.isclose(number, wanted, rel_tol=TOLERANCE, abs_tol=TOLERANCE)


def _same_line_livecodebench(line: str, expected: str) -> bool:
    numbers = _decimals(line.split())
    if numbers is None:
        return False
    expected_numbers = _decimals(expected.split())
    try:
        return expected_numbers is not None and numbers == expected_numbers
    except ArithmeticError:  # a signalling NaN equals nothing, and says so loudly
        return False


def _decimals(tokens: list[str]) -> list[Decimal] | None:
    try:
        return [Decimal(token) for token in tokens]
    except ArithmeticError:
        return None


def _close(value: Any, expected: Any) -> bool:
    """Equality with a tolerance on floats, through lists, tuples and dict values."""
    if type(expected) is float and type(value) in (float, int):
        return _close_numbers(value, expected)
    if type(value) is not type(expected):
        return bool(value == expected)
    if isinstance(expected, (list, tuple)):
        return len(value) == len(expected) and all(map(_close, value, expected))
    if isinstance(expected, dict):
        return len(value) == len(expected) and all(
            key in value and _close(value[key], expected[key]) for key in expected
        )
    return bool(value == expected)


def _close_numbers(value: float, expected: float) -> bool:
    if math.isnan(expected):
        return math.isnan(value)
    try:
        return math.isclose(value, expected, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    except OverflowError:  # an int beyond the floats
        return False
