"""Which outputs are equal, and which programs form a group."""

from __future__ import annotations

import math

import pytest

from selfdistill.agreement.groups import groups_of, largest, same
from selfdistill.grading.ended import Raised


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (0.1 + 0.2, 0.3),
        (2, 2.0),
        (True, 1),
        (math.nan, math.nan),
        ([1.0, (2, "a")], [1.0000000001, (2, "a")]),
        ({"a": 0.1 + 0.2}, {"a": 0.3}),
        ({0.1 + 0.2, 1}, {1.0, 0.3}),
        ({1, "b"}, {"b", 1}),
        (1j, 1j + 1e-9),
        (Raised("ValueError"), Raised("IndexError")),
        (10**400, 10**400),
    ],
)
def test_equal_outputs(one, other):
    assert same(one, other)
    assert same(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (0.3, 0.3001),
        ("1", 1),
        ((1,), [1]),
        ([1], [1, 1]),
        ({"a": 1}, {"b": 1}),
        ({1, 2}, {1, 3}),
        ({1}, {1, 2}),
        (None, Raised("ValueError")),
        (None, 0.0),
        (10**400, 1.0),
        (math.nan, 0.0),
    ],
)
def test_unequal_outputs(one, other):
    assert not same(one, other)
    assert not same(other, one)


def test_the_largest_group_comes_first_and_of_equals_the_earliest():
    programs = [(1, 2), (1, 3), (1, 3.0), None, (1, 2), (1, Raised())]
    assert groups_of(programs) == [[0, 4], [1, 2], [5]]
    assert largest(groups_of(programs)) == [0, 4, 1, 2]


def test_programs_that_say_nothing_agree_with_nobody():
    nothing = (Raised("NameError"), Raised("NameError"))
    assert groups_of([nothing, nothing, (None, None), (None, None), (None, Raised()), (None, 1)]) == [[5]]
    assert largest([]) == []


def test_values_of_any_depth_and_numbers_of_any_length_are_compared():
    one, other = [0.0], [1e-9]
    for _ in range(880):
        one, other = [one], [other]
    assert groups_of([(one,), (other,), ([one],)]) == [[0, 1], [2]]
    long, longer = {(10**5_000,), "a"}, {(10**5_001,), "a"}
    assert groups_of([(long,), (longer,), (long,)]) == [[0, 2], [1]]
