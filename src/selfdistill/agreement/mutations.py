"""Small mutations of example inputs, which stay in the example's own domain as far as that can be seen.

Signs stay, lists and texts stay non-empty, and new elements are old ones: what a statement excludes in words it mostly
excludes in its examples too, and right programs need not agree on what is excluded.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

_TRIES = 20
"""Attempts for each input that is wanted: small values have few neighbours."""


def mutated(examples: Sequence[tuple[Any, ...]], count: int, generator: np.random.Generator) -> list[tuple[Any, ...]]:
    """Up to `count` inputs that differ from an example, and from each other, in one argument.

    Args:
        examples: arguments of calls, plain data.
        count: how many at most.
        generator: decides where and how.
    """
    known = {repr(each) for each in examples}
    found: list[tuple[Any, ...]] = []
    usable = [each for each in examples if each]
    for attempt in range(_TRIES * count if usable else 0):
        arguments = list(usable[attempt % len(usable)])
        position = int(generator.integers(len(arguments)))
        arguments[position] = mutate(arguments[position], generator)
        if repr(tuple(arguments)) not in known:
            known.add(repr(tuple(arguments)))
            found.append(tuple(arguments))
        if len(found) == count:
            break
    return found


def mutated_texts(examples: Sequence[str], count: int, generator: np.random.Generator) -> list[str]:
    """The same for standard input: one token changes. A first line that may count what follows it stays."""
    known = set(examples)
    found: list[str] = []
    for attempt in range(_TRIES * count if examples else 0):
        lines = [line.split(" ") for line in examples[attempt % len(examples)].rstrip("\n").split("\n")]
        first = 1 if len(lines) > 1 else 0
        line = lines[int(generator.integers(first, len(lines)))]
        place = int(generator.integers(len(line)))
        line[place] = _mutate_token(line[place], generator)
        text = "\n".join(" ".join(line) for line in lines) + "\n"
        if text not in known:
            known.add(text)
            found.append(text)
        if len(found) == count:
            break
    return found


def mutate(value: Any, generator: np.random.Generator) -> Any:
    """A value near this one, of the same type; the same value where it has no neighbour."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return _integer(value, generator)
    if isinstance(value, float):
        near = value + float(generator.choice([-1.0, -0.5, 0.25, 0.5, 1.0, 2.0]))
        return near if value == 0 or near * value > 0 else value * 2
    if isinstance(value, str):
        return "".join(_sequence(list(value), generator))
    if isinstance(value, (list, tuple)):
        return type(value)(_sequence(list(value), generator, deep=True))
    if isinstance(value, dict) and value:
        key = list(value)[int(generator.integers(len(value)))]
        if len(value) > 1 and generator.random() < 0.3:
            return {other: each for other, each in value.items() if other != key}
        return {**value, key: mutate(value[key], generator)}
    if isinstance(value, (set, frozenset)) and value:
        items = sorted(value, key=repr)
        place = int(generator.integers(len(items)))
        return type(value)([*items[:place], mutate(items[place], generator), *items[place + 1 :]])
    return value


def _integer(value: int, generator: np.random.Generator) -> int:
    near = value + int(generator.choice([-3, -2, -1, 1, 2, 3, 5, 10]))
    if value == 0 or near * value > 0:
        return abs(near) if value == 0 else near
    return value * 2


def _sequence(items: list[Any], generator: np.random.Generator, *, deep: bool = False) -> list[Any]:
    """One element dropped, doubled, moved, replaced by another, or, where `deep`, mutated itself."""
    if not items:
        return items
    place, other = (int(each) for each in generator.integers(len(items), size=2))
    changes = ["double", "swap", "replace", *(["drop"] if len(items) > 1 else []), *(["mutate"] * 2 if deep else [])]
    change = changes[int(generator.integers(len(changes)))]
    if change == "drop":
        return [*items[:place], *items[place + 1 :]]
    if change == "double":
        return [*items[:other], items[place], *items[other:]]
    if change == "swap":
        items[place], items[other] = items[other], items[place]
    else:
        items[place] = items[other] if change == "replace" else mutate(items[place], generator)
    return items


def _mutate_token(token: str, generator: np.random.Generator) -> str:
    for kind in (int, float):
        try:
            return str(mutate(kind(token), generator))
        except ValueError:
            continue
    return str(mutate(token, generator))
