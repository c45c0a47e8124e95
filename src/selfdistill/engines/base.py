"""What an engine is: it turns requests into completions, one shard at a time, and knows nothing of files or stages.

An engine gets exact token ids and gives exact token ids. Each request names its own random stream, so a completion does
not depend on what else is in the shard. New engines implement `Engine`, one file each, and have a line in
`recipe.engine.ENGINES`: docs/adding.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np

from selfdistill.recipe.decoding import Decoding, Stages
from selfdistill.records import FinishReason


@dataclass(frozen=True, slots=True)
class Request:
    """One completion to generate."""

    token_ids: tuple[int, ...]
    """The prompt."""
    stream: tuple[str | int, ...]
    """Names the random stream: the recipe's seed, the stage, the item's key (see `seeds.generator`)."""
    stages: Stages = (Decoding(temperature=1),)
    """The decoding, in one or more stages; requests of a shard may differ in it."""
    stop: tuple[str, ...] = ()
    """Stop strings, the same in all requests of a shard: a completion ends with the token that completes one."""


@dataclass(frozen=True, slots=True)
class SparseTargets:
    """q_s at every position of one completion, on its retained support only: most probable token first."""

    support_sizes: np.ndarray
    """(T,) int32: tokens retained at each position."""
    token_ids: np.ndarray
    """(sum of support_sizes,) int32, position after position."""
    probabilities: np.ndarray
    """(sum of support_sizes,) float32; sums to 1 at each position."""


@dataclass(frozen=True, slots=True)
class Completion:
    """What the model produced for one request."""

    token_ids: tuple[int, ...]
    """With the end-of-turn token where the model produced it."""
    finish_reason: FinishReason
    logprobs: tuple[float, ...]
    """Of each drawn token, under the distribution that it was drawn from; empty where a server does not tell."""
    targets: SparseTargets | None = None


class Progress(Protocol):
    """Told what was done since the last call."""

    def __call__(self, items: int, tokens: int, cut_off: int = 0) -> None:
        """Completions finished, tokens generated, and how many of these completions were cut off at their limit."""
        ...


class Engine(Protocol):
    """Generates completions. Each engine says how exactly a repeated shard repeats; the random streams always do."""

    @property
    def context(self) -> int:
        """Tokens of prompt and completion together that the model can hold."""
        ...

    def generate(
        self,
        requests: Sequence[Request],
        *,
        max_new_tokens: int,
        targets: bool = False,
        progress: Progress | None = None,
    ) -> list[Completion]:
        """Complete every request.

        Args:
            requests: a shard, whose completions are written together.
            max_new_tokens: a completion is cut off here, or where the context ends; its finish reason is then `length`.
            targets: also return q_s at every position.
            progress: told of finished completions and generated tokens.

        Returns:
            One completion a request, in order.
        """
        ...

    def close(self) -> None:
        """Free what the engine holds beyond its own object; it is not used afterwards."""
        ...


@runtime_checkable
class TakesShards(Protocol):
    """An engine of several machines: it works on many shards at once, and gives their completions in order."""

    def generate_shards(
        self,
        shards: Iterable[list[Request]],
        *,
        max_new_tokens: int,
        targets: bool = False,
        progress: Progress | None = None,
    ) -> Iterator[list[Completion]]:
        """`Engine.generate` of each shard."""
        ...


@runtime_checkable
class HoldsModel(Protocol):
    """An engine whose weights are a model of transformers in this process, which others may use as it is."""

    @property
    def plain_model(self) -> Any:
        """The model."""
        ...
