"""An engine for as long as it is needed: loaded when something is first generated, closed at the end, or kept.

The one place that decides between an engine in this process and engines on a cluster.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from selfdistill.engines.base import Engine
from selfdistill.engines.cluster import open_engines
from selfdistill.engines.load import load_engine
from selfdistill.engines.shared import is_kept, shared_engine

if TYPE_CHECKING:
    from selfdistill.recipe.engine import EngineSettings
    from selfdistill.recipe.model import ModelSettings


@contextmanager
def on_demand(
    model: ModelSettings,
    engine: EngineSettings,
    path: str | None = None,
    cluster: str | None = None,
    ends: tuple[int, ...] = (),
) -> Iterator[Callable[[], Engine]]:
    """A function that loads the engine when it is first called, once; at the end the engine's memory is free again.

    Within `shared.kept_loaded` it stays for the next one that wants the same.

    Args:
        model, engine, path, ends: see `load_engine`.
        cluster: a Ray cluster's address; the engines then run there.
    """
    loaded: list[Engine] = []

    def load() -> Engine:
        if not loaded:
            loaded.append(open_engine())
        return loaded[0]

    def open_engine() -> Engine:
        if cluster:
            return open_engines(cluster, load_engine, model, engine, path, ends)
        return load_engine(model, engine, path, ends)

    # A cluster's engines are not kept: they would hold the room that the next model's engines wait for.
    if is_kept() and not cluster:
        yield lambda: shared_engine(model, engine, path, ends, open_engine)
        return
    try:
        yield load
    finally:
        while loaded:
            loaded.pop().close()
