"""Draw chains: of a family, a length and a split.

Each belongs to one split, so pretraining, prompts, validation and test never share a chain. Chains with a pointless
step (sorting before a sum) are not drawn.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from random import Random
from typing import Any, Literal

from selfdistill.embedded.chain import Chain, Source, Step, run, without_step
from selfdistill.embedded.operation import Operation, Shape, Type
from selfdistill.embedded.operations import OPERATIONS
from selfdistill.embedded.splits import Split

Family = Literal["lists", "scalars", "strings"]

FAMILY_SOURCES: dict[Family, tuple[Source, ...]] = {
    "lists": ("ints", "ints", "strs"),  # named twice: two thirds are about numbers
    "scalars": ("range", "digits"),
    "strings": ("text",),
}
SOURCE_TYPES: dict[Source, Type] = {"ints": "ints", "strs": "strs", "text": "text", "range": "ints", "digits": "ints"}
LARGEST_RESULT = 10**9
TASK_LENGTHS = {1: 3, 2: 27, 3: 30, 4: 40}
"""Weights of chain lengths in SSD prompts, validation, test and the instruct-like stage: hard chains are common."""
SIDE_LENGTHS = {2: 60, 3: 40}
"""Weights for the families beside lists."""


def draw(rng: Random, family: Family, length: int, split: Split) -> Chain:
    """A sensible chain of this length that belongs to the split."""
    while True:
        source = rng.choice(FAMILY_SOURCES[family])
        steps = _draw_steps(rng, source, length)
        if steps is None:
            continue
        chain = Chain(source, steps)
        if chain.split == split and is_sensible(chain):
            return chain


def draw_distinct(rng: Random, family: Family, split: Split, lengths: dict[int, int]) -> Iterator[Chain]:
    """Different chains without end; `lengths` maps chain length to its weight."""
    seen: set[str] = set()
    while True:
        length = rng.choices(tuple(lengths), tuple(lengths.values()))[0]
        chain = draw(rng, family, length, split)
        if chain.key not in seen:
            seen.add(chain.key)
            yield chain


def is_sensible(chain: Chain) -> bool:
    """Whether results vary, stay small, and change when any one step is left out (as far as probe arguments show)."""
    probes = _PROBES[chain.source]
    results = [run(chain, probe) for probe in probes]
    if len({repr(result) for result in results}) < len(probes) - 1 or any(map(_too_large, results)):
        return False
    return all(
        any(run(shorter, probe) != result for probe, result in zip(probes, results, strict=True))
        for shorter in (without_step(chain, index) for index in range(len(chain.steps) - 1))
        if shorter is not None
    )


def _draw_steps(rng: Random, source: Source, length: int) -> tuple[Step, ...] | None:
    """Steps whose types fit, no operation twice; None where the draw leads nowhere."""
    steps: list[Step] = []
    type_: Type = SOURCE_TYPES[source]
    for position in range(length):
        groups = _groups(type_, _position(source, position, length, rng))
        if not groups:
            return None
        operation = rng.choice(rng.choice(groups))
        if any(operation is step.operation for step in steps):
            return None
        steps.append(Step(operation, rng.choice(operation.constants)))
        type_ = operation.gives
    return tuple(steps)


def _position(source: Source, position: int, length: int, rng: Random) -> tuple[Shape, ...]:
    """The shapes that a step at this place may have."""
    is_scalar = source in ("range", "digits")
    if position == length - 1 and (is_scalar or rng.random() < 0.5):
        return ("reduce",)
    if position == 0 and is_scalar:
        return ("filter", "map")  # a slice of a range is no list
    return ("filter", "map", "whole")


@cache
def _groups(type_: Type, shapes: tuple[Shape, ...]) -> tuple[tuple[Operation, ...], ...]:
    """The operations that take this type, a group for each shape that has any."""
    by_shape = (tuple(each for each in OPERATIONS if (each.takes, each.shape) == (type_, shape)) for shape in shapes)
    return tuple(group for group in by_shape if group)


def _too_large(result: Any) -> bool:
    numbers = result if isinstance(result, list) else [result]
    return any(isinstance(number, int) and abs(number) > LARGEST_RESULT for number in numbers)


_PROBES: dict[Source, tuple[Any, ...]] = {
    "ints": (
        [4, -7, 12, 3, 3, 0, 9, -2, 15, 6, 4, 8],
        [-9, 5, 18, 1, 10, 5, -4, 7, 2, 14, 21, 13],
        [7, 2, -5, 20, 6, 11, -3, 7, 16],
    ),
    "strs": (
        ["tree", "in", "stone", "art", "eastern", "rose", "in", "a", "no", "iron", "nest"],
        ["orange", "it", "sensor", "Toe", "ear", "noon", "site", "ear", "rat", "intention"],
        ["ant", "train", "so", "rain", "one", "toaster", "onion", "is"],
    ),
    "text": ("Strange onion Tart", "noise is a tsar", "Iron teeth rest on sand"),
    "range": (6, 9, 13),
    "digits": (4093175, 8672, 25814639),
}
