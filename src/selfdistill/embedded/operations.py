"""The operations that embedded problems are chains of: meaning, English and Python of each, in one table.

`apply` is the meaning, and the only source of expected results. `expression` is what generated programs say. The two
are written separately on purpose, so that "every reference passes its own tests" can fail.

It does not chain operations (chains.py) or write programs (programs.py).
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


def _filter(name: str, takes: Type, phrases: tuple[str, ...], expression: str, apply: Any, *k: Constant) -> Operation:
    return Operation(name, takes, takes, "filter", phrases, expression, apply, k or (None,))


def _map(
    name: str, takes: Type, gives: Type, phrases: tuple[str, ...], expression: str, apply: Any, *k: Constant
) -> Operation:
    return Operation(name, takes, gives, "map", phrases, expression, apply, k or (None,))


def _whole(name: str, takes: Type, phrases: tuple[str, ...], expression: str, apply: Any, *k: Constant) -> Operation:
    return Operation(name, takes, takes, "whole", phrases, expression, apply, k or (None,))


_SMALL = tuple(range(10))
_FACTORS = tuple(range(2, 10))
_COUNTS = (2, 3, 4, 5)
_LETTERS = tuple("aeionrst")

INT_FILTERS = (
    _filter(
        "gt",
        "ints",
        ("keep numbers greater than {k}", "keep numbers above {k}"),
        "{x} > {k}",
        lambda x, k: x > k,
        *_SMALL,
    ),
    _filter(
        "lt", "ints", ("keep numbers less than {k}", "keep numbers below {k}"), "{x} < {k}", lambda x, k: x < k, *_SMALL
    ),
    _filter("ge", "ints", ("keep numbers that are at least {k}",), "{x} >= {k}", lambda x, k: not x < k, *_SMALL),
    _filter("le", "ints", ("keep numbers that are at most {k}",), "{x} <= {k}", lambda x, k: not x > k, *_SMALL),
    _filter(
        "ne",
        "ints",
        ("remove every {k}", "drop all numbers equal to {k}"),
        "{x} != {k}",
        lambda x, k: bool(x - k),
        *_SMALL,
    ),
    _filter("even", "ints", ("keep the even numbers", "drop the odd numbers"), "{x} % 2 == 0", lambda x, _: not x & 1),
    _filter("odd", "ints", ("keep the odd numbers", "drop the even numbers"), "{x} % 2 == 1", lambda x, _: bool(x & 1)),
    _filter("positive", "ints", ("keep the positive numbers",), "{x} > 0", lambda x, _: x > 0),
    _filter("negative", "ints", ("keep the negative numbers",), "{x} < 0", lambda x, _: x < 0),
    _filter(
        "multiple",
        "ints",
        ("keep numbers divisible by {k}", "keep multiples of {k}"),
        "{x} % {k} == 0",
        lambda x, k: x == x // k * k,
        *_FACTORS[1:],
    ),
    _filter(
        "no_multiple",
        "ints",
        ("drop numbers divisible by {k}", "drop multiples of {k}"),
        "{x} % {k} != 0",
        lambda x, k: x != x // k * k,
        *_FACTORS[1:],
    ),
)
INT_MAPS = (
    _map(
        "add",
        "ints",
        "ints",
        ("add {k} to each number", "increase each number by {k}"),
        "{x} + {k}",
        lambda x, k: x + k,
        *_SMALL[1:],
    ),
    _map(
        "sub",
        "ints",
        "ints",
        ("subtract {k} from each number", "decrease each number by {k}"),
        "{x} - {k}",
        lambda x, k: x - k,
        *_SMALL[1:],
    ),
    _map("mul", "ints", "ints", ("multiply each number by {k}",), "{x} * {k}", lambda x, k: x * k, *_FACTORS),
    _map(
        "square",
        "ints",
        "ints",
        ("square each number", "replace each number by its square"),
        "{x} * {x}",
        lambda x, _: x**2,
    ),
    _map("cube", "ints", "ints", ("cube each number",), "{x} ** 3", lambda x, _: x * x * x),
    _map("negate", "ints", "ints", ("negate each number", "flip the sign of each number"), "-{x}", lambda x, _: 0 - x),
    _map("abs", "ints", "ints", ("take absolute values",), "abs({x})", lambda x, _: max(x, 0 - x)),
    _map(
        "mod",
        "ints",
        "ints",
        ("take each number modulo {k}", "replace each number by its remainder modulo {k}"),
        "{x} % {k}",
        lambda x, k: x - x // k * k,
        *_FACTORS,
    ),
    _map(
        "floordiv",
        "ints",
        "ints",
        ("floor-divide each number by {k}",),
        "{x} // {k}",
        lambda x, k: (x - x % k) // k,
        *_FACTORS,
    ),
    _map("str", "ints", "strs", ("turn each number into a string",), "str({x})", lambda x, _: f"{x}"),
)
STR_FILTERS = (
    _filter("longer", "strs", ("keep strings longer than {k}",), "len({x}) > {k}", lambda x, k: len(x) > k, 2, 3, 4, 5),
    _filter(
        "shorter", "strs", ("keep strings shorter than {k}",), "len({x}) < {k}", lambda x, k: len(x) < k, 3, 4, 5, 6
    ),
    _filter(
        "starts",
        "strs",
        ("keep strings that start with '{k}'",),
        "{x}.startswith('{k}')",
        lambda x, k: x[:1] == k,
        *_LETTERS,
    ),
    _filter(
        "ends",
        "strs",
        ("keep strings that end with '{k}'",),
        "{x}.endswith('{k}')",
        lambda x, k: x[-1:] == k,
        *_LETTERS,
    ),
    _filter("has", "strs", ("keep strings that contain '{k}'",), "'{k}' in {x}", lambda x, k: k in x, *_LETTERS),
    _filter(
        "lacks", "strs", ("drop strings that contain '{k}'",), "'{k}' not in {x}", lambda x, k: x.find(k) < 0, *_LETTERS
    ),
)
STR_MAPS = (
    _map(
        "upper",
        "strs",
        "strs",
        ("make each string upper case",),
        "{x}.upper()",
        lambda x, _: "".join(map(str.upper, x)),
    ),
    _map(
        "capitalize",
        "strs",
        "strs",
        ("capitalize each string",),
        "{x}.capitalize()",
        lambda x, _: x[:1].upper() + x[1:].lower(),
    ),
    _map("flip", "strs", "strs", ("reverse each string",), "{x}[::-1]", lambda x, _: "".join(reversed(x))),
    _map(
        "suffix",
        "strs",
        "strs",
        ("add '{k}' to the end of each string",),
        "{x} + '{k}'",
        lambda x, k: f"{x}{k}",
        *_LETTERS,
    ),
    _map(
        "prefix",
        "strs",
        "strs",
        ("add '{k}' to the start of each string",),
        "'{k}' + {x}",
        lambda x, k: f"{k}{x}",
        *_LETTERS,
    ),
    _map(
        "clip",
        "strs",
        "strs",
        ("keep the first {k} letters of each string",),
        "{x}[:{k}]",
        lambda x, k: "".join(c for i, c in enumerate(x) if i < k),
        2,
        3,
        4,
    ),
    _map("length", "strs", "ints", ("replace each string by its length",), "len({x})", lambda x, _: sum(1 for _ in x)),
)


def _list_wholes(takes: Type) -> tuple[Operation, ...]:
    things = "numbers" if takes == "ints" else "strings"
    sort = ("sort in ascending order", "sort from small to large") if takes == "ints" else ("sort alphabetically",)
    return (
        _whole("sort", takes, sort, "sorted({xs})", lambda xs, _: sorted(xs)),
        _whole(
            "reverse", takes, ("reverse the list", "reverse the order"), "{xs}[::-1]", lambda xs, _: list(reversed(xs))
        ),
        _whole(
            "unique",
            takes,
            ("remove duplicates, keeping first occurrences",),
            "list(dict.fromkeys({xs}))",
            lambda xs, _: [x for i, x in enumerate(xs) if x not in xs[:i]],
        ),
        _whole(
            "first",
            takes,
            (f"take the first {{k}} {things}",),
            "{xs}[:{k}]",
            lambda xs, k: [x for i, x in enumerate(xs) if i < k],
            *_COUNTS,
        ),
        _whole(
            "last",
            takes,
            (f"take the last {{k}} {things}",),
            "{xs}[-{k}:]",
            lambda xs, k: [x for i, x in enumerate(xs) if i >= len(xs) - k],
            *_COUNTS,
        ),
        _whole(
            "skip",
            takes,
            (f"skip the first {{k}} {things}",),
            "{xs}[{k}:]",
            lambda xs, k: [x for i, x in enumerate(xs) if i >= k],
            *_COUNTS[:3],
        ),
        _whole(
            "alternate",
            takes,
            (f"take every second of the {things}, from the first on",),
            "{xs}[::2]",
            lambda xs, _: [x for i, x in enumerate(xs) if i % 2 == 0],
        ),
    )


LIST_WHOLES = (
    *_list_wholes("ints"),
    _whole(
        "sort_down",
        "ints",
        ("sort in descending order", "sort from large to small"),
        "sorted({xs}, reverse=True)",
        lambda xs, _: sorted(xs)[::-1],
    ),
    _whole(
        "sort_abs",
        "ints",
        ("sort by absolute value",),
        "sorted({xs}, key=abs)",
        lambda xs, _: sorted(xs, key=lambda x: x * x),
    ),
    *_list_wholes("strs"),
    _whole(
        "sort_length",
        "strs",
        ("sort by length",),
        "sorted({xs}, key=len)",
        lambda xs, _: sorted(xs, key=lambda x: len(x)),
    ),
)
REDUCTIONS = (
    Operation(
        "sum",
        "ints",
        "int",
        "reduce",
        ("return the sum",),
        "sum({xs})",
        lambda xs, _: sum(xs),
        accumulate=("0", "{acc} += {x}"),
    ),
    Operation(
        "count",
        "ints",
        "int",
        "reduce",
        ("return how many are left", "return their count"),
        "len({xs})",
        lambda xs, _: len(xs),
        accumulate=("0", "{acc} += 1"),
    ),
    Operation(
        "product",
        "ints",
        "int",
        "reduce",
        ("return the product, 1 if empty",),
        "",
        lambda xs, _: _product(xs),
        accumulate=("1", "{acc} *= {x}"),
    ),
    Operation(
        "max",
        "ints",
        "int",
        "reduce",
        ("return the largest, 0 if empty",),
        "max({xs}, default=0)",
        lambda xs, _: sorted(xs)[-1] if xs else 0,
    ),
    Operation(
        "min",
        "ints",
        "int",
        "reduce",
        ("return the smallest, 0 if empty",),
        "min({xs}, default=0)",
        lambda xs, _: sorted(xs)[0] if xs else 0,
    ),
    Operation(
        "join",
        "strs",
        "str",
        "reduce",
        ("return them joined with '{k}'",),
        "'{k}'.join({xs})",
        lambda xs, k: _join(xs, k),
        ("-", ",", " ", "+"),
    ),
    Operation(
        "concat",
        "strs",
        "str",
        "reduce",
        ("return them concatenated",),
        "''.join({xs})",
        lambda xs, _: _join(xs, ""),
        accumulate=("''", "{acc} += {x}"),
    ),
    Operation(
        "count",
        "strs",
        "int",
        "reduce",
        ("return how many are left", "return their count"),
        "len({xs})",
        lambda xs, _: len(xs),
        accumulate=("0", "{acc} += 1"),
    ),
    Operation(
        "longest",
        "strs",
        "str",
        "reduce",
        ("return the first longest, '' if empty",),
        "max({xs}, key=len, default='')",
        lambda xs, _: sorted(xs, key=lambda x: -len(x))[0] if xs else "",
    ),
    Operation(
        "shortest",
        "strs",
        "str",
        "reduce",
        ("return the first shortest, '' if empty",),
        "min({xs}, key=len, default='')",
        lambda xs, _: sorted(xs, key=len)[0] if xs else "",
    ),
)
TEXT_OPERATIONS = (
    _whole("upper", "text", ("make it upper case",), "{xs}.upper()", lambda s, _: "".join(map(str.upper, s))),
    _whole(
        "swapcase",
        "text",
        ("swap upper and lower case",),
        "{xs}.swapcase()",
        lambda s, _: "".join(c.lower() if c.isupper() else c.upper() for c in s),
    ),
    _whole("reverse", "text", ("reverse it",), "{xs}[::-1]", lambda s, _: "".join(reversed(s))),
    _whole(
        "double", "text", ("repeat it {k} times",), "{xs} * {k}", lambda s, k: "".join(s for _ in range(k)), 2, 3, 4
    ),
    _whole(
        "remove",
        "text",
        ("delete every '{k}'",),
        "{xs}.replace('{k}', '')",
        lambda s, k: "".join(c for c in s if c != k),
        *_LETTERS,
    ),
    _whole(
        "star",
        "text",
        ("change every '{k}' to '*'",),
        "{xs}.replace('{k}', '*')",
        lambda s, k: "".join("*" if c == k else c for c in s),
        *_LETTERS,
    ),
    _whole(
        "head",
        "text",
        ("keep its first {k} characters",),
        "{xs}[:{k}]",
        lambda s, k: "".join(c for i, c in enumerate(s) if i < k),
        *_SMALL[2:],
    ),
    _whole(
        "skip",
        "text",
        ("drop its first {k} characters",),
        "{xs}[{k}:]",
        lambda s, k: "".join(c for i, c in enumerate(s) if i >= k),
        *_SMALL[1:6],
    ),
    _whole("before", "text", ("put '{k}' in front",), "'{k}' + {xs}", lambda s, k: f"{k}{s}", *_LETTERS),
    _whole("after", "text", ("put '{k}' behind",), "{xs} + '{k}'", lambda s, k: f"{s}{k}", *_LETTERS),
    Operation("length", "text", "int", "reduce", ("return its length",), "len({xs})", lambda s, _: sum(1 for _ in s)),
    Operation(
        "occurrences",
        "text",
        "int",
        "reduce",
        ("return how often '{k}' occurs",),
        "{xs}.count('{k}')",
        lambda s, k: sum(c == k for c in s),
        _LETTERS,
    ),
)

OPERATIONS = INT_FILTERS + INT_MAPS + STR_FILTERS + STR_MAPS + LIST_WHOLES + REDUCTIONS + TEXT_OPERATIONS


def _product(numbers: list[int]) -> int:
    result = 1
    for number in numbers:
        result = result * number
    return result


def _join(strings: list[str], separator: str) -> str:
    result = ""
    for index, string in enumerate(strings):
        result += (separator if index else "") + string
    return result
