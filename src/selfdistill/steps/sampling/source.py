"""What makes a run's samples: the recipe's engine, or the base reading texts that exist already."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from selfdistill.engines.base import Engine
from selfdistill.engines.on_demand import on_demand
from selfdistill.engines.shared import shared_model
from selfdistill.models.load import end_of_turn_ids, read_tokenizer
from selfdistill.records import Prompt
from selfdistill.steps.sampling.mix import mixed
from selfdistill.steps.sampling.texts import load_text_reader

if TYPE_CHECKING:
    from selfdistill.recipe import Recipe

TITLES = {"model": "sampling from the base", "texts": "reading texts with the base"}
"""For the progress line."""


@contextmanager
def sampler(recipe: Recipe, prompts: Sequence[Prompt], ends: tuple[int, ...] = ()) -> Iterator[Callable[[], Engine]]:
    """A function that loads the engine when it is first called. Texts are read in this process, by transformers.

    Args:
        recipe: says what samples.
        prompts: with the texts, where texts are read.
        ends: ids with which the chat template ends an answer.
    """
    settings = recipe.sampling
    if settings.source == "model":
        with on_demand(recipe.model, recipe.engine, settings.model, recipe.cluster, ends) as engine:
            yield _with_mix(recipe, engine) if settings.mix else engine
        return

    path, revision = recipe.model.path, recipe.model.revision
    texts = {prompt.prompt_id: prompt.continuation for prompt in prompts}
    yield lambda: load_text_reader(
        shared_model(recipe.model, settings.model),
        read_tokenizer(path, revision),
        texts,
        ends or end_of_turn_ids(path, revision),
    )


def _with_mix(recipe: Recipe, engine: Callable[[], Engine]) -> Callable[[], Engine]:
    mix = recipe.sampling.mix
    assert mix is not None
    return mixed(engine, mix.run, mix.share, recipe.seed, targets=recipe.training.stores_targets)
