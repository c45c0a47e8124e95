"""Bugs as code on the web has them: a wrong operator, constant or name, a step forgotten or swapped, a typing slip.

They give the base its distractor tails. They are put into pretraining programs and into texts, never into references.
"""

from __future__ import annotations

import re
from functools import cache
from random import Random

from selfdistill.embedded.chains import Chain, Step, without_step
from selfdistill.embedded.operations import OPERATIONS, Operation
from selfdistill.embedded.programs import ACCUMULATORS, ELEMENTS, RESULTS, write

_CHAIN_BUG_SHARE = 0.65
_NAMES = (*ELEMENTS, *RESULTS, *ACCUMULATORS)


def write_buggy(chain: Chain, argument: str, rng: Random) -> str:
    """A body for the chain with one bug in it (which, rarely, changes no result)."""
    wrong = wrong_chain(chain, rng) if rng.random() < _CHAIN_BUG_SHARE else None
    return write(wrong, argument, rng) if wrong else spoil(write(chain, argument, rng), rng)


def wrong_chain(chain: Chain, rng: Random) -> Chain | None:
    """The chain with a constant off, an operation confused, or a step left out or moved; None if that is hard."""
    for _ in range(8):
        wrong = rng.choice((_wrong_constant, _wrong_operation, _forgotten, _swapped))(chain, rng)
        if wrong is not None and wrong.key != chain.key:
            return wrong
    return None


def spoil(body: str, rng: Random) -> str:
    """The body with a slip of the pen: a wrong name, or a character missing or doubled."""
    if rng.random() < 0.6:
        found = [match for match in re.finditer(r"\b[a-z]+\b", body) if match.group() in _NAMES]
        if found:
            match = rng.choice(found)
            return body[: match.start()] + rng.choice(_NAMES) + body[match.end() :]
    places = [place for place, character in enumerate(body) if character in "()[]:=%<>+"]
    if not places:
        return body.replace("return ", "", 1)
    place = rng.choice(places)
    return body[:place] + rng.choice(("", body[place] * 2)) + body[place + 1 :]


def _replace(chain: Chain, index: int, *steps: Step) -> Chain:
    return Chain(chain.source, (*chain.steps[:index], *steps, *chain.steps[index + 1 :]))


def _wrong_constant(chain: Chain, rng: Random) -> Chain | None:
    index = rng.randrange(len(chain.steps))
    step = chain.steps[index]
    if isinstance(step.constant, int):
        return _replace(chain, index, Step(step.operation, step.constant + rng.choice((-1, 1))))
    return _replace(chain, index, Step(step.operation, rng.choice(step.operation.constants)))


def _wrong_operation(chain: Chain, rng: Random) -> Chain | None:
    index = rng.randrange(len(chain.steps))
    step = chain.steps[index]
    choices = _confusable(step.operation)
    if not choices:
        return None
    operation = rng.choice(choices)
    fits = step.constant is not None and operation.constants != (None,)
    same_kind = fits and type(operation.constants[0]) is type(step.constant)
    return _replace(chain, index, Step(operation, step.constant if same_kind else rng.choice(operation.constants)))


def _forgotten(chain: Chain, rng: Random) -> Chain | None:
    return without_step(chain, rng.randrange(len(chain.steps)))


def _swapped(chain: Chain, rng: Random) -> Chain | None:
    if len(chain.steps) < 2:
        return None
    index = rng.randrange(len(chain.steps) - 1)
    first, second = chain.steps[index : index + 2]
    types = {first.operation.takes, first.operation.gives, second.operation.takes, second.operation.gives}
    if len(types) > 1:
        return None
    return Chain(chain.source, (*chain.steps[:index], second, first, *chain.steps[index + 2 :]))


@cache
def _confusable(operation: Operation) -> tuple[Operation, ...]:
    """Other operations of the same types and shape."""
    return tuple(
        other
        for other in OPERATIONS
        if (other.takes, other.gives, other.shape) == (operation.takes, operation.gives, operation.shape)
        and other.name != operation.name
    )
