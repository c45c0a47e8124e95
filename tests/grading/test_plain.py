"""Plain data on the wire: what goes in comes out, and no bytes do more than be refused."""

from __future__ import annotations

import enum
import marshal
from collections import Counter, OrderedDict, defaultdict, namedtuple
from contextlib import suppress
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfdistill.grading.inside import plain

SCALARS = (
    st.none() | st.booleans() | st.integers() | st.integers(-(10**400), 10**400) | st.floats(allow_nan=False)
    | st.complex_numbers(allow_nan=False) | st.text(st.characters()) | st.binary()
)  # fmt: skip
KEYS = st.recursive(SCALARS, lambda inner: st.tuples(inner, inner) | st.frozensets(inner), max_leaves=4)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(KEYS, inner) | st.sets(KEYS),
    max_leaves=20,
)


def same(a: Any, b: Any) -> bool:
    """Equal and of the same types all through; `1 == True` is not enough."""
    if type(a) is not type(b):
        return False
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a.items(), b.items(), strict=True))
    return bool(a == b)


@given(VALUES)
def test_round_trip(value: Any) -> None:
    assert same(plain.decode(plain.encode(value)), value)


@given(st.binary())
def test_random_bytes_are_data_or_refused(data: bytes) -> None:
    with suppress(plain.NotPlainError):
        plain.decode(data)


@given(VALUES, st.data())
def test_damaged_bytes_are_data_or_refused(value: Any, data: st.DataObject) -> None:
    encoded = bytearray(plain.encode(value))
    for _ in range(3):
        encoded[data.draw(st.integers(0, len(encoded) - 1))] = data.draw(st.integers(0, 255))
    with suppress(plain.NotPlainError):
        plain.decode(bytes(encoded))


class Liar(int):
    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = int.__hash__


class Colour(enum.IntEnum):
    RED = 1


@pytest.mark.parametrize(
    ("value", "held"),
    [
        (Liar(4), 4),
        (Colour.RED, 1),
        (Counter("aab"), {"a": 2, "b": 1}),
        (OrderedDict(a=1), {"a": 1}),
        (defaultdict(int, a=1), {"a": 1}),
        (namedtuple("P", "x y")(1, 2), (1, 2)),
        (bytearray(b"x"), b"x"),
        ({1: 2}.keys(), {1}),
    ],
)
def test_subclasses_travel_as_what_they_hold(value: Any, held: Any) -> None:
    decoded = plain.decode(plain.encode(value))
    assert same(decoded, held)


@pytest.mark.parametrize("value", [object(), lambda: 0, range(3), iter([]), compile("1", "", "eval"), ..., type])
def test_other_types_are_refused(value: Any) -> None:
    with pytest.raises(plain.NotPlainError):
        plain.encode(value)
    with pytest.raises(plain.NotPlainError):
        plain.encode([{"k": value}])


def test_code_objects_are_refused_on_arrival() -> None:
    with pytest.raises(plain.NotPlainError):
        plain.decode(marshal.dumps(compile("print(1)", "", "exec"), plain.VERSION))


def nested(depth: int, kind: Any) -> Any:
    value: Any = None
    for _ in range(depth):
        value = {1: value} if kind is dict else kind([value])
    return value


@pytest.mark.parametrize("kind", [list, tuple, dict])
def test_as_deep_as_python_can_compare(kind: Any) -> None:
    value = nested(plain.MAX_DEPTH, kind)
    assert plain.decode(plain.encode(value)) == value
    with pytest.raises(plain.NotPlainError, match="too deeply"):
        plain.encode(nested(plain.MAX_DEPTH + 20, kind))


@pytest.mark.parametrize("empty", [b"[\0\0\0\0", b"<\0\0\0\0", b"{0"])
def test_millions_of_empty_containers_are_refused(empty: bytes) -> None:
    count = plain.MAX_CONTAINERS + 1
    with pytest.raises(plain.NotPlainError, match="too many"):
        plain.decode(b"[" + count.to_bytes(4, "little") + empty * count)


@pytest.mark.parametrize(
    ("value", "held"),
    [(Fraction(1, 2), 0.5), (Decimal(13), 13), (Decimal("1e400"), 10**400), (Fraction(10**400), 10**400)],
)
def test_other_numbers_travel_as_the_number_that_equals_them(value: Any, held: Any) -> None:
    assert plain.decode(plain.encode(value)) == held == value


@pytest.mark.parametrize("value", [Fraction(1, 3), Decimal("0.1"), Decimal("nan")])
def test_numbers_that_no_float_equals_are_refused(value: Any) -> None:
    with pytest.raises(plain.NotPlainError):
        plain.encode(value)


def test_depth_is_limited_on_both_sides() -> None:
    deep: Any = []
    for _ in range(10_000):
        deep = [deep]
    with pytest.raises(plain.NotPlainError):
        plain.encode(deep)
    with pytest.raises(plain.NotPlainError):
        plain.decode(b"[\1\0\0\0" * 100_000 + b"N")
    with pytest.raises(plain.NotPlainError):
        plain.decode(b"{N" * 100_000 + b"N")


def test_colliding_keys_are_refused() -> None:
    """Building a set of keys with one hash takes time quadratic in their number."""
    with pytest.raises(plain.NotPlainError):
        plain.decode(marshal.dumps({i * (2**61 - 1) for i in range(1, 2_000)}, plain.VERSION))


def test_lengths_do_not_allocate() -> None:
    for kind in b"us[(<>tl":
        with pytest.raises(plain.NotPlainError):
            plain.decode(bytes([kind]) + (2**31 - 1).to_bytes(4, "little"))
