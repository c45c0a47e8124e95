"""The comparison rules, against LiveCodeBench's and against Python's own equality."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfdistill.grading.compare import output_matches, value_matches

BOTH = ("judge", "livecodebench")


@pytest.mark.parametrize(
    ("output", "expected", "judge", "livecodebench"),
    [
        ("13", "13\n", True, True),
        ("  13  \n\n", "13", True, True),
        ("1\n2", "1 2", False, False),
        ("1  2", "1 2", True, True),
        ("1 2 3", "1 2", False, False),
        ("a  b", "a b", True, False),
        ("1.0", "1", True, True),
        ("1.0000001", "1", False, False),
        ("1.0000001", "1.0", True, False),
        ("1.00001", "1.0", False, False),
        ("1e3", "1000.0", True, True),
        ("1_000", "1000", False, True),
        ("Infinity", "inf", False, True),
        ("١٣", "13", False, True),
        ("13", "14", False, False),
        ("", "", True, True),
        ("\0" + "13", "13", False, False),
        ("9e999999999999999999", "1.0", False, False),
        ("7e999", "1e400", False, False),
        ("10e399", "1e400", True, True),
        ("-1e400", "1e400", False, False),
        ("9" * 20_000, "9" * 19_999 + "8", False, False),
    ],
)
def test_output(output: str, expected: str, judge: bool, livecodebench: bool) -> None:
    assert output_matches(output.encode(), expected, "judge") is judge
    assert output_matches(output.encode(), expected, "livecodebench") is livecodebench


@given(st.binary(), st.text())
def test_output_never_raises(output: bytes, expected: str) -> None:
    for rules in BOTH:
        output_matches(output, expected, rules)  # type: ignore[arg-type]


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_text_matches_itself(text: str) -> None:
    for rules in BOTH:
        assert output_matches(text.encode(), text, rules)  # type: ignore[arg-type]


@given(st.decimals(-(10**6), 10**6, places=3), st.decimals(-(10**6), 10**6, places=3))
def test_numbers_match_within_the_tolerance_only(a: Any, b: Any) -> None:
    close = float(abs(a - b)) <= 1e-6 * float(max(1, abs(a), abs(b)))
    assert output_matches(str(a).encode(), str(b), "judge") is bool(close)


@pytest.mark.parametrize(
    ("value", "expected", "judge", "livecodebench"),
    [
        ([1, 2], [1, 2], True, True),
        ((1, 2), [1, 2], True, True),
        ([(1, 2)], [[1, 2]], False, False),
        (True, 1, True, True),
        (0.1 + 0.2, 0.3, True, False),
        ([{"a": 0.1 + 0.2}], [{"a": 0.3}], True, False),
        (0.31, 0.3, False, False),
        (3, 3.0000001, True, False),
        (3.0000001, 3, False, False),
        (math.nan, math.nan, True, False),
        (10**400, 1.0, False, False),
        ("a", "a ", False, False),
        ({1: 2}, {"1": 2}, False, False),
        ({1: 2, 3: 4}, {1: 2}, False, False),
        (None, None, True, True),
        (None, 0, False, False),
    ],
)
def test_values(value: Any, expected: Any, judge: bool, livecodebench: bool) -> None:
    assert value_matches(value, expected, "judge") is judge
    assert value_matches(value, expected, "livecodebench") is livecodebench
