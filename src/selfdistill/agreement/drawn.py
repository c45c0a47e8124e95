"""Inputs drawn by type: small values, in the ranges and from the choices that the statement names.

All lists of one input have one length, and lists of lists are square: parallel lists and matrices are what statements
with several of them are about. Drawn from the prompt's own random stream, as everything here is; a library of
strategies would draw other values with each of its versions.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from selfdistill.agreement.asked import Parameter
from selfdistill.agreement.kinds import Kind, kind_of

_LETTERS = "abcdeABC 12"
_LONGEST = 5
"""Elements of a list."""
_LARGEST = 12
"""Of numbers of which nothing is said: a program's time may double with each step."""
_WIDEST = 200
"""Between the ends of a range that the statement names."""
_AT_AN_END = 0.2
"""Share of numbers that are drawn at an end of their range, where programs differ most."""
_TRIES = 5
_NUMBER = r"(-?\d+(?:\.\d+)?)"
_RANGES = (
    re.compile(rf"\b(?:between|from|range(?: of)?)\s+{_NUMBER}\s*(?:and|to|-|–)\s*{_NUMBER}", re.IGNORECASE),
    re.compile(rf"[(\[]\s*{_NUMBER}\s*(?:-|–|to|,)\s*{_NUMBER}\s*[)\]]"),
)
_LEAST = re.compile(rf"(?:>=|≥|at least|(?:greater|more) than or equal to)\s*{_NUMBER}", re.IGNORECASE)
_CHOICES = re.compile(r"(?<!\w)(?:\"([^\"\n]{0,40})\"|'([^'\n]{0,40})')(?!\w)")


def drawn(parameters: Sequence[Parameter], count: int, generator: np.random.Generator) -> list[tuple[Any, ...]]:
    """Up to `count` different inputs.

    Args:
        parameters: of the function, with their types as the prompt writes them.
        count: how many at most.
        generator: decides what is drawn.
    """
    kinds = [(kind_of(each.type), each.words) for each in parameters]
    found: dict[str, tuple[Any, ...]] = {}
    for _ in range(_TRIES * count if kinds else 0):
        draw = _Draw(generator, length=int(generator.integers(1, _LONGEST + 1)))
        arguments = tuple(draw.value(kind, words) for kind, words in kinds)
        found.setdefault(repr(arguments), arguments)
        if len(found) == count:
            break
    return list(found.values())


class _Draw:
    """One input."""

    def __init__(self, generator: np.random.Generator, length: int) -> None:
        self._generator = generator
        self._length = length
        self._makers: dict[str, Callable[[Kind, str], Any]] = {
            "int": lambda _, words: self._whole(words),
            "float": lambda _, words: self._real(words),
            "str": lambda _, words: self._text(words),
            "bool": lambda _, __: bool(generator.integers(2)),
            "none": lambda _, __: None,
            "list": lambda kind, words: _in_order(self._list(kind, words), words),
            "tuple": lambda kind, words: tuple(self._list(kind, words)),
            "set": lambda kind, words: {each for each in self._list(kind, words) if _hashable(each)},
            "dict": self._dict,
            "either": lambda kind, words: self.value(self._one_of(kind.parts), words),
            "any": lambda _, words: self.value(self._one_of(_GUESSES), words),
        }

    def value(self, kind: Kind, words: str) -> Any:
        """A value of a kind, as the statement's words on it allow."""
        return self._makers[kind.name](kind, words)

    def _one_of(self, items: Sequence[Any]) -> Any:
        return items[int(self._generator.integers(len(items)))]

    def _list(self, kind: Kind, words: str) -> list[Any]:
        parts = kind.parts if len(kind.parts) > 1 else (kind.parts or (Kind("int"),)) * self._length
        return [self.value(part, words) for part in parts]

    def _dict(self, kind: Kind, words: str) -> dict[Any, Any]:
        key, value = kind.parts if len(kind.parts) == 2 else (Kind("str"), Kind("int"))
        pairs = [(self.value(key, words), self.value(value, words)) for _ in range(self._length)]
        return {key: value for key, value in pairs if _hashable(key)}

    def _whole(self, words: str) -> int:
        low, high = _ends(words)
        if self._generator.random() < _AT_AN_END:
            return int(self._one_of((low, high)))
        return int(self._generator.integers(int(low), max(int(low), int(high)) + 1))

    def _real(self, words: str) -> float:
        """A multiple of 1/4, or where the range is narrow of 1/16: exact, and short to read."""
        low, high = _ends(words)
        steps = 4 if high - low > 2 else 16
        return int(self._generator.integers(round(low * steps), round(high * steps) + 1)) / steps

    def _text(self, words: str) -> str:
        """One of the quoted choices where there are several; else a short text."""
        choices = list(dict.fromkeys(one or other for one, other in _CHOICES.findall(words)))
        if len(choices) > 1:
            return str(self._one_of(choices))
        letters = "01" if "binary" in words.lower() else "0123456789" if "digits" in words.lower() else _LETTERS
        return "".join(self._one_of(letters) for _ in range(int(self._generator.integers(1, 9))))


_LISTS = (Kind("list", (Kind("int"),)), Kind("list", (Kind("str"),)))
_GUESSES = (Kind("int"), Kind("str"), *_LISTS, *_LISTS)
"""What a parameter may be of which nothing is said; a wrong guess makes every program raise."""


def _in_order(items: list[Any], words: str) -> list[Any]:
    """Sorted where the statement says that they are, and they can be."""
    try:
        return sorted(items) if "sorted" in words.lower() else items
    except TypeError:
        return items


def _hashable(value: Any) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True


def _ends(words: str) -> tuple[float, float]:
    """The range that words name; else a small one that fits them."""
    for pattern in _RANGES:
        match = pattern.search(words)
        if match and float(match[1]) < float(match[2]):
            low, high = float(match[1]), float(match[2])
            return low, min(high, low + _WIDEST)
    least = _LEAST.search(words)
    if least:
        return float(least[1]), float(least[1]) + _LARGEST
    lower = words.lower()
    if "probabilit" in lower or "fraction" in lower:
        return 0.0, 1.0
    if "non-negative" in lower or "nonnegative" in lower or "index" in lower:
        return 0.0, _LARGEST
    return (-5.0, _LARGEST) if not words or "negative" in lower else (1.0, _LARGEST)
