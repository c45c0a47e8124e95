"""Where programs break: the first token at which a failing program leaves every passing one of the same prompt.

A failing program may still pass through another right way after that point, and a passing program that nobody drew
cannot be compared with: the place is where it *left the known good ways*, a lower bound on where it went wrong. Only
token ids are compared here; whether the place is a lock or a fork needs the base's logits (`explain`).
"""

from __future__ import annotations

import keyword
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from selfdistill.explain.kinds import KINDS, Kind
from selfdistill.explain.records import MODELS, BreakRow, Graded


@dataclass(frozen=True, slots=True)
class Break:
    """A failing program and where it left."""

    graded: Graded
    offset: int
    """In its completion; equals the completion's length where it is only cut short."""


@dataclass(frozen=True, slots=True)
class LocatedBreak:
    """A break with what the base's logits say about its place."""

    graded: Graded
    kind: Kind
    token_class: str
    """Of the token that left; see `token_class`."""
    on_support: bool
    """Whether q_s retains that token."""


def find_breaks(graded: Sequence[Graded]) -> list[Break]:
    """Locate every failing program that has a passing one, of either model, to be compared with."""
    passing: dict[str, set[tuple[int, ...]]] = defaultdict(set)
    for each in graded:
        if each.passed:
            passing[each.sample.prompt_id].add(each.sample.token_ids)
    return [
        Break(each, max(_common(each.sample.token_ids, good) for good in passing[each.sample.prompt_id]))
        for each in graded
        if not each.passed and passing[each.sample.prompt_id]
    ]


def break_rows(graded: Sequence[Graded], located: Iterable[LocatedBreak]) -> tuple[BreakRow, ...]:
    """The table: one row a model, over the prompts that both models answered."""
    both = set.intersection(*({each.sample.prompt_id for each in graded if each.model == model} for model in MODELS))
    shared = [each for each in graded if each.sample.prompt_id in both]
    breaks = [each for each in located if each.graded.sample.prompt_id in both]
    rows = []
    for model in MODELS:
        mine = [each for each in breaks if each.graded.model == model]
        classes: dict[str, dict[str, int]] = {kind: defaultdict(int) for kind in KINDS}
        for each in mine:
            classes[each.kind][each.token_class] += 1
        rows.append(
            BreakRow(
                model=model,
                programs=sum(each.model == model for each in shared),
                failing=sum(each.model == model and not each.passed for each in shared),
                located=len(mine),
                locks=sum(each.kind == "lock" for each in mine),
                forks=sum(each.kind == "fork" for each in mine),
                off_support=sum(not each.on_support for each in mine),
                classes={
                    kind: dict(sorted(counts.items(), key=lambda item: -item[1])) for kind, counts in classes.items()
                },
            )
        )
    return tuple(rows)


def token_class(text: str, *, special: bool = False) -> str:
    """What a token is, by its text alone: keyword, name, number, operator, text, white space, or end of turn."""
    stripped = text.strip()
    if special or not text:
        return "end of turn"
    if not stripped:
        return "white space"
    if keyword.iskeyword(stripped):
        return "keyword"
    if stripped.isidentifier():
        return "name"
    if stripped.replace(".", "", 1).replace("_", "").isdigit():
        return "number"
    return "text" if any(character.isalnum() or character in "\"'" for character in stripped) else "operator"


def _common(one: tuple[int, ...], other: tuple[int, ...]) -> int:
    """Length of the common prefix."""
    for offset, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return offset
    return min(len(one), len(other))
