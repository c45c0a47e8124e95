"""What is loaded once is used by all that follow in a stage: within `kept_loaded` an engine outlives its `on_demand`.

The next user of the same model and settings gets the same engine; a plain model is an engine's own, where one of
transformers has it. On a CPU several stay side by side; what holds a GPU, or is vLLM's, goes before another one comes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from selfdistill.engines.base import HoldsModel
from selfdistill.models.devices import resolve_device
from selfdistill.models.load import load_model
from selfdistill.recipe.engine import ENGINES

if TYPE_CHECKING:
    from selfdistill.recipe.engine import EngineSettings
    from selfdistill.recipe.model import ModelSettings


@dataclass(frozen=True, slots=True)
class _Loaded:
    """An engine, or a plain model in its place."""

    weights: tuple[str, ...]
    """Names the weights and how they are held."""
    settings: str
    """Of the engine; empty for a plain model."""
    held: Any
    alone: bool
    """Whether nothing else should be loaded at the same time."""

    def close(self) -> None:
        """Free it."""
        if self.settings:
            self.held.close()


_kept: list[_Loaded] | None = None


@contextmanager
def kept_loaded() -> Iterator[None]:
    """What is loaded in this block stays until its end, or until something else needs its room."""
    global _kept
    if _kept is not None:
        yield
        return
    _kept = []
    try:
        yield
    finally:
        left, _kept = _kept, None
        for loaded in left:
            loaded.close()


def is_kept() -> bool:
    """Whether what is loaded now stays, because this is inside of `kept_loaded`."""
    return _kept is not None


def shared_engine(
    model: ModelSettings, engine: EngineSettings, path: str | None, ends: tuple[int, ...], load: Callable[[], Any]
) -> Any:
    """The engine that was loaded with the same arguments, or a new one, which is kept.

    Args:
        model, engine, path, ends: see `engines.load.load_engine`.
        load: loads it.
    """
    weights, settings = _weights(model, path), f"{engine.model_dump_json()} {ends}"
    side_by_side = engine.kind in ENGINES and ENGINES[engine.kind].side_by_side
    alone = not side_by_side or _on_gpu(model)
    return _take(weights, lambda loaded: loaded.settings == settings, settings, alone, load)


def shared_model(model: ModelSettings, path: str | None = None) -> Any:
    """The weights that transformers has loaded, or loads now: see `models.load.load_model`."""
    found = _take(_weights(model, path), _has_model, "", _on_gpu(model), lambda: load_model(model, path))
    return found.plain_model if isinstance(found, HoldsModel) else found


def _take(
    weights: tuple[str, ...], fits: Callable[[_Loaded], bool], settings: str, alone: bool, load: Callable[[], Any]
) -> Any:
    if _kept is None:
        return load()
    for loaded in _kept:
        if loaded.weights == weights and fits(loaded):
            return loaded.held
    for loaded in [each for each in _kept if alone or each.alone]:
        _kept.remove(loaded)
        loaded.close()
    made = load()
    _kept.append(_Loaded(weights, settings, made, alone))
    return made


def _has_model(loaded: _Loaded) -> bool:
    return not loaded.settings or isinstance(loaded.held, HoldsModel)


def _weights(model: ModelSettings, path: str | None) -> tuple[str, ...]:
    revision = None if path else model.revision
    return (path or model.path, str(revision), model.dtype, model.device, str(model.attention))


def _on_gpu(model: ModelSettings) -> bool:
    return resolve_device(model.device).type != "cpu"
