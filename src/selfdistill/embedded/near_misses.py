"""Chains that are almost right: what a bug in the thinking gives, and what tests must tell from the right one."""

from __future__ import annotations

from functools import cache
from random import Random

from selfdistill.embedded.chain import Chain, Step, without_step
from selfdistill.embedded.operation import Operation
from selfdistill.embedded.operations import OPERATIONS


def wrong_chain(chain: Chain, rng: Random) -> Chain | None:
    """The chain with a constant off, an operation confused, or a step left out or moved; None if that is hard."""
    for _ in range(8):
        wrong = rng.choice((_wrong_constant, _wrong_operation, _forgotten, _swapped))(chain, rng)
        if wrong is not None and wrong.key != chain.key:
            return wrong
    return None


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
