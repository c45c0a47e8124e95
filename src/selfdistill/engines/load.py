"""From a recipe's engine section to a running engine. Each engine's libraries are imported only when it is chosen."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from selfdistill.engines.base import Engine
from selfdistill.engines.choose import require_vllm, settle
from selfdistill.engines.probe import choose_mode, probe_ids
from selfdistill.engines.steps import Mode
from selfdistill.engines.transformers import TransformersEngine
from selfdistill.errors import MissingExtraError, UserError
from selfdistill.events import warn
from selfdistill.models.load import context_length, end_of_turn_ids, load_config, load_model, read_tokenizer
from selfdistill.recipe.decoding import Decoding, Stages, split_syntax

if TYPE_CHECKING:
    from selfdistill.recipe.engine import EngineSettings
    from selfdistill.recipe.model import ModelSettings


INVARIANT = "VLLM_BATCH_INVARIANT"
"""vLLM's environment variable for kernels whose floats do not depend on the batch."""


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
    return _LOADERS[engine.kind](model, engine, path, ends)


def engine_for(engine: EngineSettings, stages: Stages) -> EngineSettings:
    """The engine that can run a decoding: a server does one ordinary stage, and only transformers here minds syntax."""
    syntax, others = split_syntax(stages)
    beyond_server = len(others) > 1 or not isinstance(others[0], Decoding)
    if engine.kind != "transformers" and (syntax or (engine.kind == "openai" and beyond_server)):
        return engine.model_copy(update={"kind": "transformers"})
    return engine


def _transformers(settings: ModelSettings, engine: EngineSettings, path: str | None, ends: tuple[int, ...]) -> Engine:
    source, revision = path or settings.path, None if path else settings.revision
    tokenizer = read_tokenizer(source, revision)
    end_of_turn = end_of_turn_ids(source, revision, ends)
    model = load_model(settings, path)
    context = context_length(model.config)
    mode = choose_mode(model, probe_ids(tokenizer), context)
    if mode is Mode.UNCACHED:
        warn(
            f"{source}: {model.config.model_type} models run without a cache here, as transformers' own "
            "would change what they say or is not there: every token costs a forward of all before it"
        )
    return TransformersEngine(
        model=model,
        end_of_turn=end_of_turn,
        context=context,
        batch_size=engine.batch_size,
        mode=mode,
        tokenizer=tokenizer,
    )


def _vllm(settings: ModelSettings, engine: EngineSettings, path: str | None, ends: tuple[int, ...]) -> Engine:
    require_vllm()
    if engine.batch_invariant:
        if "vllm" in sys.modules and os.environ.get(INVARIANT) != "1":
            raise UserError("vLLM was started without it in this process", where="engine.batch_invariant")
        os.environ[INVARIANT] = "1"  # read when vLLM is imported, here and in the processes that it starts
    from selfdistill.engines.vllm import load_vllm

    return load_vllm(settings, engine, path, ends)


def _openai(settings: ModelSettings, engine: EngineSettings, path: str | None, ends: tuple[int, ...]) -> Engine:
    try:
        from selfdistill.engines.asking import Server
        from selfdistill.engines.openai import connect
    except ModuleNotFoundError as error:
        raise MissingExtraError("engine.kind openai", extra="openai") from error
    url = engine.student_base_url if path else engine.base_url
    if url is None:
        raise UserError(
            "the student is ready to be evaluated, and no server has it yet",
            where="engine.student_base_url",
            fix=f"serve {path} and run again with --set engine.student_base_url=http://HOST:PORT/v1",
        )
    source, revision = path or settings.path, None if path else settings.revision
    return connect(
        Server(url, engine.key_variable, engine.timeout_seconds, engine.patience_seconds),
        model=engine.served_model,
        end_of_turn=end_of_turn_ids(source, revision, ends),
        context=context_length(load_config(source, revision)),
        concurrency=engine.batch_size,
        probe=read_tokenizer(source, revision)("def add(a, b):\n    return ").input_ids,
    )


_LOADERS: dict[str, Callable[[ModelSettings, EngineSettings, str | None, tuple[int, ...]], Engine]] = {
    "transformers": _transformers,
    "vllm": _vllm,
    "openai": _openai,
}
