"""From a recipe's engine section to a running engine. Its module and libraries are imported only when it is chosen."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from selfdistill.engines.base import Engine
from selfdistill.engines.choose import settle
from selfdistill.errors import MissingExtraError
from selfdistill.recipe.decoding import Decoding, Stages, split_syntax
from selfdistill.recipe.engine import ENGINES

if TYPE_CHECKING:
    from selfdistill.recipe.engine import EngineSettings
    from selfdistill.recipe.model import ModelSettings


def load_engine(
    model: ModelSettings, engine: EngineSettings, path: str | None = None, ends: tuple[int, ...] = ()
) -> Engine:
    """Load a model into the engine that the recipe names, or that `auto` stands for here.

    Args:
        model: the recipe's model section.
        engine: the recipe's engine section.
        path: another model's directory (the student's) in place of the recipe's.
        ends: ids that end an answer beside those that the model names: `Renderer.end_of_answer`.

    Raises:
        UserError: the model cannot be loaded, or a server not be used.
        MissingExtraError: the engine's library is not installed.
    """
    engine = settle(model, engine)
    kind = ENGINES[engine.kind]
    try:
        module = import_module(kind.module)
    except ModuleNotFoundError as error:
        if kind.extra is None or error.name != kind.library:
            raise
        raise MissingExtraError(f"engine.kind {engine.kind}", extra=kind.extra) from error
    loaded: Engine = module.load(model, engine, path, ends)
    return loaded


def engine_for(engine: EngineSettings, stages: Stages) -> EngineSettings:
    """The engine that can run a decoding: the recipe's, or transformers on this machine where that is beyond it."""
    syntax, others = split_syntax(stages)
    ordinary = len(others) == 1 and isinstance(others[0], Decoding)
    decodes = ENGINES[engine.kind].decodes if engine.kind != "auto" else "logits"  # the least that it may stand for
    if (syntax and decodes != "everything") or (not ordinary and decodes == "ordinary"):
        return engine.model_copy(update={"kind": "transformers"})
    return engine
