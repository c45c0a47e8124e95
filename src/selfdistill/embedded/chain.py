"""What an embedded problem asks for, apart from its English and its Python: a chain of operations over one source.

A chain can be run, and is named by a canonical key; a hash of that key puts it into one split (splits.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from selfdistill.embedded.operation import Constant, Operation
from selfdistill.embedded.splits import Split, split_of

Source = Literal["ints", "strs", "text", "range", "digits"]
"""What the function is given: a list of ints, of strings, a string, or a number (1..n, or its decimal digits)."""


@dataclass(frozen=True, slots=True)
class Step:
    """An operation with its constant."""

    operation: Operation
    constant: Constant = None

    @property
    def key(self) -> str:
        """Canonical name, e.g. `gt:3`."""
        return self.operation.name if self.constant is None else f"{self.operation.name}:{self.constant}"


@dataclass(frozen=True, slots=True)
class Chain:
    """One to four steps over one source."""

    source: Source
    steps: tuple[Step, ...]

    @property
    def key(self) -> str:
        """Canonical name, e.g. `ints|gt:3|square|sum`."""
        return "|".join((self.source, *(step.key for step in self.steps)))

    @property
    def split(self) -> Split:
        """The one split that this chain belongs to."""
        return split_of(self.key)


def run(chain: Chain, argument: Any) -> Any:
    """What a right program returns for this argument."""
    value = _iterable(chain.source, argument)
    for step in chain.steps:
        value = _apply(step, value)
    return value


def without_step(chain: Chain, index: int) -> Chain | None:
    """The chain with one step left out, or None where the types then do not fit."""
    removed = chain.steps[index].operation
    if removed.takes != removed.gives or len(chain.steps) == 1:
        return None
    return Chain(chain.source, chain.steps[:index] + chain.steps[index + 1 :])


def _apply(step: Step, value: Any) -> Any:
    apply, constant = step.operation.apply, step.constant
    match step.operation.shape:
        case "filter":
            return [x for x in value if apply(x, constant)]
        case "map":
            return [apply(x, constant) for x in value]
        case _:
            return apply(value, constant)


def _iterable(source: Source, argument: Any) -> Any:
    if source == "range":
        return list(range(1, argument + 1))
    if source == "digits":
        return [int(digit) for digit in str(argument)]
    return argument
