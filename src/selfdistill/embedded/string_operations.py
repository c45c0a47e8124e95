"""Operations on lists of strings, and on one string."""

from __future__ import annotations

from selfdistill.embedded.operation import LETTERS, SMALL, Operation, filter_, map_, whole


def _join(strings: list[str], separator: str) -> str:
    result = ""
    for index, string in enumerate(strings):
        result += (separator if index else "") + string
    return result


STR_FILTERS = (
    filter_("longer", "strs", ("keep strings longer than {k}",), "len({x}) > {k}", lambda x, k: len(x) > k, 2, 3, 4, 5),
    filter_(
        "shorter", "strs", ("keep strings shorter than {k}",), "len({x}) < {k}", lambda x, k: len(x) < k, 3, 4, 5, 6
    ),
    filter_(
        "starts",
        "strs",
        ("keep strings that start with '{k}'",),
        "{x}.startswith('{k}')",
        lambda x, k: x[:1] == k,
        *LETTERS,
    ),
    filter_(
        "ends",
        "strs",
        ("keep strings that end with '{k}'",),
        "{x}.endswith('{k}')",
        lambda x, k: x[-1:] == k,
        *LETTERS,
    ),
    filter_("has", "strs", ("keep strings that contain '{k}'",), "'{k}' in {x}", lambda x, k: k in x, *LETTERS),
    filter_(
        "lacks", "strs", ("drop strings that contain '{k}'",), "'{k}' not in {x}", lambda x, k: x.find(k) < 0, *LETTERS
    ),
)
STR_MAPS = (
    map_(
        "upper",
        "strs",
        "strs",
        ("make each string upper case",),
        "{x}.upper()",
        lambda x, _: "".join(map(str.upper, x)),
    ),
    map_(
        "capitalize",
        "strs",
        "strs",
        ("capitalize each string",),
        "{x}.capitalize()",
        lambda x, _: x[:1].upper() + x[1:].lower(),
    ),
    map_("flip", "strs", "strs", ("reverse each string",), "{x}[::-1]", lambda x, _: "".join(reversed(x))),
    map_(
        "suffix",
        "strs",
        "strs",
        ("add '{k}' to the end of each string",),
        "{x} + '{k}'",
        lambda x, k: f"{x}{k}",
        *LETTERS,
    ),
    map_(
        "prefix",
        "strs",
        "strs",
        ("add '{k}' to the start of each string",),
        "'{k}' + {x}",
        lambda x, k: f"{k}{x}",
        *LETTERS,
    ),
    map_(
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
    map_("length", "strs", "ints", ("replace each string by its length",), "len({x})", lambda x, _: sum(1 for _ in x)),
)


STR_REDUCTIONS = (
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
    whole("upper", "text", ("make it upper case",), "{xs}.upper()", lambda s, _: "".join(map(str.upper, s))),
    whole(
        "swapcase",
        "text",
        ("swap upper and lower case",),
        "{xs}.swapcase()",
        lambda s, _: "".join(c.lower() if c.isupper() else c.upper() for c in s),
    ),
    whole("reverse", "text", ("reverse it",), "{xs}[::-1]", lambda s, _: "".join(reversed(s))),
    whole("double", "text", ("repeat it {k} times",), "{xs} * {k}", lambda s, k: "".join(s for _ in range(k)), 2, 3, 4),
    whole(
        "remove",
        "text",
        ("delete every '{k}'",),
        "{xs}.replace('{k}', '')",
        lambda s, k: "".join(c for c in s if c != k),
        *LETTERS,
    ),
    whole(
        "star",
        "text",
        ("change every '{k}' to '*'",),
        "{xs}.replace('{k}', '*')",
        lambda s, k: "".join("*" if c == k else c for c in s),
        *LETTERS,
    ),
    whole(
        "head",
        "text",
        ("keep its first {k} characters",),
        "{xs}[:{k}]",
        lambda s, k: "".join(c for i, c in enumerate(s) if i < k),
        *SMALL[2:],
    ),
    whole(
        "skip",
        "text",
        ("drop its first {k} characters",),
        "{xs}[{k}:]",
        lambda s, k: "".join(c for i, c in enumerate(s) if i >= k),
        *SMALL[1:6],
    ),
    whole("before", "text", ("put '{k}' in front",), "'{k}' + {xs}", lambda s, k: f"{k}{s}", *LETTERS),
    whole("after", "text", ("put '{k}' behind",), "{xs} + '{k}'", lambda s, k: f"{s}{k}", *LETTERS),
    Operation("length", "text", "int", "reduce", ("return its length",), "len({xs})", lambda s, _: sum(1 for _ in s)),
    Operation(
        "occurrences",
        "text",
        "int",
        "reduce",
        ("return how often '{k}' occurs",),
        "{xs}.count('{k}')",
        lambda s, k: sum(c == k for c in s),
        LETTERS,
    ),
)
