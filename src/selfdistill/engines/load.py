"""From a recipe's engine section to a running engine. Each engine's libraries are imported only when it is chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selfdistill.engines.base import Engine

if TYPE_CHECKING:
    from selfdistill.engines.transformers import TransformersEngine
    from selfdistill.recipe.schema import EngineSettings, ModelSettings


def load_engine(model: ModelSettings, engine: EngineSettings, path: str | None = None) -> Engine:
    """Load a model into the engine that the recipe names.

    Args:
        model: the recipe's model section.
        engine: the recipe's engine section.
        path: another model's directory (the student's) in place of the recipe's.

    Raises:
        UserError: the model cannot be loaded.
    """
    return _transformers(model, engine, path)


def _transformers(settings: ModelSettings, engine: EngineSettings, path: str | None) -> TransformersEngine:
    from selfdistill.engines.models import context_length, end_of_turn_ids, load_model, load_tokenizer
    from selfdistill.engines.transformers import TransformersEngine

    tokenizer = load_tokenizer(path or settings.path, None if path else settings.revision)
    model = load_model(settings, path)
    return TransformersEngine(
        model=model,
        end_of_turn=end_of_turn_ids(model, tokenizer),
        context=context_length(model.config),
        batch_size=engine.batch_size,
    )
