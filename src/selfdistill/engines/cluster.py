"""Engines on the machines of a Ray cluster: every shard goes to whichever engine is free, results come in order.

Shards are the single machine's, and a shard's result does not depend on who computes it, so the run's records are the
same, in the same order. An engine or a node that dies costs the shards that it held: others take them over, and a new
engine starts as soon as the cluster has room for it. Model paths must be readable on every node.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selfdistill.engines.base import Completion, Engine, Progress, Request
from selfdistill.engines.ray_cluster import cluster, user_error
from selfdistill.errors import UserError

if TYPE_CHECKING:
    from selfdistill.recipe.engine import EngineSettings
    from selfdistill.recipe.model import ModelSettings

DEATHS_IN_A_ROW = 8
"""Engines that die one after the other without any shard being finished: then it is not the machines."""


class _Remote:
    """An engine in a process of its own, somewhere in the cluster."""

    def __init__(self, load: Callable[[], Engine]) -> None:
        self._load = load
        self._engine: Any = None

    def load(self) -> int:
        """Load the model; not in the constructor, whose errors Ray hides. Its context."""
        self._engine = self._load()
        return int(self._engine.context)

    def generate(self, requests: Sequence[Request], max_new_tokens: int, targets: bool) -> list[Completion]:
        """One shard."""
        return list(self._engine.generate(requests, max_new_tokens=max_new_tokens, targets=targets))


@dataclass
class ClusterEngines:
    """Several engines that take shards. `context` as in `Engine`, known once one of them is loaded."""

    ray: Any
    start: Callable[[], Any]
    """Starts a remote engine."""
    count: int
    context: int = 0
    leave: ExitStack = field(default_factory=ExitStack)
    """Leaves the cluster."""
    idle: list[Any] = field(default_factory=list)
    loading: dict[Any, Any] = field(default_factory=dict)
    """Engines that load their model, or wait for room in the cluster, by Ray's reference."""
    deaths: int = 0
    """In a row."""

    def generate(
        self,
        requests: Sequence[Request],
        *,
        max_new_tokens: int,
        targets: bool = False,
        progress: Progress | None = None,
    ) -> list[Completion]:
        """One shard; see `Engine.generate`."""
        (completions,) = self.generate_shards(
            [list(requests)], max_new_tokens=max_new_tokens, targets=targets, progress=progress
        )
        return completions

    def generate_shards(
        self,
        shards: Iterable[list[Request]],
        *,
        max_new_tokens: int,
        targets: bool = False,
        progress: Progress | None = None,
    ) -> Iterator[list[Completion]]:
        """Complete shards on all engines at once; results in order, at most twice as many ahead as there are engines.

        Raises:
            UserError: the model cannot be loaded, or engines die again and again.
        """
        waiting = _Waiting(iter(shards), room=2 * self.count)
        running: dict[Any, tuple[Any, _Shard]] = {}
        finished: dict[int, list[Completion]] = {}
        position = 0
        while True:
            self._keep(self.count - len(running))
            while self.idle and (shard := waiting.take(position)):
                engine = self.idle.pop()
                running[engine.generate.remote(shard[1], max_new_tokens, targets)] = (engine, shard)
            if not running and not waiting.left():
                return
            (ready,), _ = self.ray.wait([*running, *self.loading], num_returns=1)
            if ready in self.loading:
                self._loaded(ready)
                continue
            engine, shard = running.pop(ready)
            completions = self._result(ready)
            if completions is None:
                waiting.put_back(shard)
                continue
            self.idle.append(engine)
            finished[shard[0]] = completions
            if progress:
                tokens = sum(len(completion.token_ids) for completion in completions)
                cut_off = sum(completion.finish_reason == "length" for completion in completions)
                progress(len(completions), tokens, cut_off)
            while position in finished:
                yield finished.pop(position)
                position += 1

    def close(self) -> None:
        """Stop the engines and leave the cluster."""
        for engine in (*self.idle, *self.loading.values()):
            self.ray.kill(engine)
        self.idle.clear()
        self.loading.clear()
        self.leave.close()

    def _keep(self, wanted: int) -> None:
        """Have this many engines that are idle, loading or waiting for room in the cluster."""
        for _ in range(wanted - len(self.idle) - len(self.loading)):
            engine = self.start()
            self.loading[engine.load.remote()] = engine

    def _loaded(self, reference: Any) -> None:
        engine = self.loading.pop(reference)
        context = self._result(reference)
        if context is not None:
            self.idle.append(engine)
            self.context = context

    def _result(self, reference: Any) -> Any:
        """What a remote call returned; None if its process died."""
        try:
            result = self.ray.get(reference)
        except self.ray.exceptions.RayActorError:
            self.deaths += 1
            if self.deaths < DEATHS_IN_A_ROW:
                return None
            raise UserError(
                f"{self.deaths} engines in a row died without finishing anything",
                where="cluster",
                fix="look into Ray's logs on the nodes; out of memory is the usual reason",
            ) from None
        except self.ray.exceptions.RayTaskError as error:
            raise user_error(error) or error from None
        self.deaths = 0
        return result


_Shard = tuple[int, list[Request]]


class _Waiting:
    """Shards that no engine has: read lazily, and those that a dead engine had first."""

    def __init__(self, shards: Iterator[list[Request]], room: int) -> None:
        self._source = enumerate(shards)
        self._room = room
        self._next: list[_Shard] = list(islice(self._source, 1))
        self._returned: list[_Shard] = []

    def take(self, position: int) -> _Shard | None:
        """A shard, unless it would run too far ahead of the position that is to be written next."""
        if self._returned:
            return self._returned.pop()
        if not self._next or self._next[0][0] >= position + self._room:
            return None
        (shard,), self._next = self._next, list(islice(self._source, 1))
        return shard

    def put_back(self, shard: _Shard) -> None:
        """Its engine died."""
        self._returned.append(shard)

    def left(self) -> bool:
        """Whether there is any shard to take, now or later."""
        return bool(self._returned or self._next)


def _absolute(path: str) -> str:
    """A local model's whole path: Ray's processes work elsewhere. Hub ids and `embedded` stay."""
    return str(Path(path).expanduser().resolve()) if Path(path).expanduser().is_dir() else path


def open_engines(
    address: str,
    load: Callable[..., Engine],
    model: ModelSettings,
    engine: EngineSettings,
    path: str | None,
    ends: tuple[int, ...] = (),
) -> ClusterEngines:
    """Start a recipe's engines in a cluster.

    Args:
        address: of the cluster's head.
        load: loads one engine on its node: `load_engine`.
        model, engine, path, ends: its arguments.

    Raises:
        MissingExtraError: Ray is not installed.
        UserError: there is no cluster at this address.
    """
    exit_stack = ExitStack()
    ray = exit_stack.enter_context(cluster(address))
    remote = ray.remote(_Remote).options(num_gpus=engine.gpus_per_replica, num_cpus=1, max_restarts=0)
    model = model.model_copy(update={"path": _absolute(model.path)})
    path = path and _absolute(path)
    return ClusterEngines(
        ray=ray,
        start=lambda: remote.remote(partial(load, model, engine, path, ends)),
        count=engine.replicas,
        leave=exit_stack,
    )
