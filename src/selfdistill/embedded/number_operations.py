"""Operations on lists of integers."""

from __future__ import annotations

from selfdistill.embedded.operation import FACTORS, SMALL, Operation, filter_, map_


def _product(numbers: list[int]) -> int:
    result = 1
    for number in numbers:
        result = result * number
    return result


INT_FILTERS = (
    filter_(
        "gt",
        "ints",
        ("keep numbers greater than {k}", "keep numbers above {k}"),
        "{x} > {k}",
        lambda x, k: x > k,
        *SMALL,
    ),
    filter_(
        "lt", "ints", ("keep numbers less than {k}", "keep numbers below {k}"), "{x} < {k}", lambda x, k: x < k, *SMALL
    ),
    filter_("ge", "ints", ("keep numbers that are at least {k}",), "{x} >= {k}", lambda x, k: not x < k, *SMALL),
    filter_("le", "ints", ("keep numbers that are at most {k}",), "{x} <= {k}", lambda x, k: not x > k, *SMALL),
    filter_(
        "ne",
        "ints",
        ("remove every {k}", "drop all numbers equal to {k}"),
        "{x} != {k}",
        lambda x, k: bool(x - k),
        *SMALL,
    ),
    filter_("even", "ints", ("keep the even numbers", "drop the odd numbers"), "{x} % 2 == 0", lambda x, _: not x & 1),
    filter_("odd", "ints", ("keep the odd numbers", "drop the even numbers"), "{x} % 2 == 1", lambda x, _: bool(x & 1)),
    filter_("positive", "ints", ("keep the positive numbers",), "{x} > 0", lambda x, _: x > 0),
    filter_("negative", "ints", ("keep the negative numbers",), "{x} < 0", lambda x, _: x < 0),
    filter_(
        "multiple",
        "ints",
        ("keep numbers divisible by {k}", "keep multiples of {k}"),
        "{x} % {k} == 0",
        lambda x, k: x == x // k * k,
        *FACTORS[1:],
    ),
    filter_(
        "no_multiple",
        "ints",
        ("drop numbers divisible by {k}", "drop multiples of {k}"),
        "{x} % {k} != 0",
        lambda x, k: x != x // k * k,
        *FACTORS[1:],
    ),
)
INT_MAPS = (
    map_(
        "add",
        "ints",
        "ints",
        ("add {k} to each number", "increase each number by {k}"),
        "{x} + {k}",
        lambda x, k: x + k,
        *SMALL[1:],
    ),
    map_(
        "sub",
        "ints",
        "ints",
        ("subtract {k} from each number", "decrease each number by {k}"),
        "{x} - {k}",
        lambda x, k: x - k,
        *SMALL[1:],
    ),
    map_("mul", "ints", "ints", ("multiply each number by {k}",), "{x} * {k}", lambda x, k: x * k, *FACTORS),
    map_(
        "square",
        "ints",
        "ints",
        ("square each number", "replace each number by its square"),
        "{x} * {x}",
        lambda x, _: x**2,
    ),
    map_("cube", "ints", "ints", ("cube each number",), "{x} ** 3", lambda x, _: x * x * x),
    map_("negate", "ints", "ints", ("negate each number", "flip the sign of each number"), "-{x}", lambda x, _: 0 - x),
    map_("abs", "ints", "ints", ("take absolute values",), "abs({x})", lambda x, _: max(x, 0 - x)),
    map_(
        "mod",
        "ints",
        "ints",
        ("take each number modulo {k}", "replace each number by its remainder modulo {k}"),
        "{x} % {k}",
        lambda x, k: x - x // k * k,
        *FACTORS,
    ),
    map_(
        "floordiv",
        "ints",
        "ints",
        ("floor-divide each number by {k}",),
        "{x} // {k}",
        lambda x, k: (x - x % k) // k,
        *FACTORS,
    ),
    map_("str", "ints", "strs", ("turn each number into a string",), "str({x})", lambda x, _: f"{x}"),
)
INT_REDUCTIONS = (
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
)
