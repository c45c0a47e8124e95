"""Orders and slices of lists, the same for numbers and for strings but for their English."""

from __future__ import annotations

from selfdistill.embedded.operation import COUNTS, Operation, Type, whole


def _wholes_of(takes: Type) -> tuple[Operation, ...]:
    things = "numbers" if takes == "ints" else "strings"
    sort = ("sort in ascending order", "sort from small to large") if takes == "ints" else ("sort alphabetically",)
    return (
        whole("sort", takes, sort, "sorted({xs})", lambda xs, _: sorted(xs)),
        whole(
            "reverse", takes, ("reverse the list", "reverse the order"), "{xs}[::-1]", lambda xs, _: list(reversed(xs))
        ),
        whole(
            "unique",
            takes,
            ("remove duplicates, keeping first occurrences",),
            "list(dict.fromkeys({xs}))",
            lambda xs, _: [x for i, x in enumerate(xs) if x not in xs[:i]],
        ),
        whole(
            "first",
            takes,
            (f"take the first {{k}} {things}",),
            "{xs}[:{k}]",
            lambda xs, k: [x for i, x in enumerate(xs) if i < k],
            *COUNTS,
        ),
        whole(
            "last",
            takes,
            (f"take the last {{k}} {things}",),
            "{xs}[-{k}:]",
            lambda xs, k: [x for i, x in enumerate(xs) if i >= len(xs) - k],
            *COUNTS,
        ),
        whole(
            "skip",
            takes,
            (f"skip the first {{k}} {things}",),
            "{xs}[{k}:]",
            lambda xs, k: [x for i, x in enumerate(xs) if i >= k],
            *COUNTS[:3],
        ),
        whole(
            "alternate",
            takes,
            (f"take every second of the {things}, from the first on",),
            "{xs}[::2]",
            lambda xs, _: [x for i, x in enumerate(xs) if i % 2 == 0],
        ),
    )


LIST_WHOLES = (
    *_wholes_of("ints"),
    whole(
        "sort_down",
        "ints",
        ("sort in descending order", "sort from large to small"),
        "sorted({xs}, reverse=True)",
        lambda xs, _: sorted(xs)[::-1],
    ),
    whole(
        "sort_abs",
        "ints",
        ("sort by absolute value",),
        "sorted({xs}, key=abs)",
        lambda xs, _: sorted(xs, key=lambda x: x * x),
    ),
    *_wholes_of("strs"),
    whole(
        "sort_length",
        "strs",
        ("sort by length",),
        "sorted({xs}, key=len)",
        lambda xs, _: sorted(xs, key=lambda x: len(x)),
    ),
)
