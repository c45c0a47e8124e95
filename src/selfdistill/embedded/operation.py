"""What an operation is: its meaning, its English and its Python. The tables are in *_operations.py.

`apply` is the meaning, and the only source of expected results. `expression` is what generated programs say. The two
are written separately on purpose, so that "every reference passes its own tests" can fail.

It does not chain operations (chain.py) or write programs (programs.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

Type = Literal["ints", "strs", "text", "int", "str"]
"""`ints` and `strs` are lists; `text` is one string that later steps still work on; `int` and `str` end a chain."""

Shape = Literal["filter", "map", "whole", "reduce"]
"""filter and map work on one element {x}; whole (orders, slices) and reduce work on the collection {xs}."""

Constant = int | str | None


@dataclass(frozen=True, slots=True)
class Operation:
    """One kind of step."""

    name: str
    takes: Type
    gives: Type
    shape: Shape
    phrases: tuple[str, ...]
    """English, imperative, unambiguous; {k} is the constant."""
    expression: str
    """Python over {x} (filter: its condition; map: its value) or {xs}; empty where only a loop is short enough."""
    apply: Callable[[Any, Any], Any]
    """(element or collection, constant) -> condition, value or collection."""
    constants: tuple[Constant, ...] = (None,)
    accumulate: tuple[str, str] | None = None
    """For reductions with a natural loop: start value, and update of {acc} by {x}."""


SMALL = tuple(range(10))
FACTORS = tuple(range(2, 10))
COUNTS = (2, 3, 4, 5)
LETTERS = tuple("aeionrst")


def filter_(name: str, takes: Type, phrases: tuple[str, ...], expression: str, apply: Any, *k: Constant) -> Operation:
    """A filter on elements; `apply` says which stay."""
    return Operation(name, takes, takes, "filter", phrases, expression, apply, k or (None,))


def map_(
    name: str, takes: Type, gives: Type, phrases: tuple[str, ...], expression: str, apply: Any, *k: Constant
) -> Operation:
    """A map of elements."""
    return Operation(name, takes, gives, "map", phrases, expression, apply, k or (None,))


def whole(name: str, takes: Type, phrases: tuple[str, ...], expression: str, apply: Any, *k: Constant) -> Operation:
    """An order or slice of the whole collection."""
    return Operation(name, takes, takes, "whole", phrases, expression, apply, k or (None,))
