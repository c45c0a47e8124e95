"""What makes a run's samples: the recipe's engine, or the base reading texts that exist already."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from selfdistill.engines.base import Engine
from selfdistill.engines.on_demand import on_demand
from selfdistill.engines.shared import shared_model
from selfdistill.models.endings import end_of_turn_ids
from selfdistill.models.tokenizers import read_tokenizer
from selfdistill.records import Prompt
from selfdistill.steps.sampling.mix import mixed

if TYPE_CHECKING:
    from selfdistill.recipe.engine import EngineSettings
    from selfdistill.recipe.model import ModelSettings
    from selfdistill.recipe.sampling import SamplingSettings

TITLES = {"model": "sampling from the base", "texts": "reading texts with the base"}
"""For the progress line."""


@contextmanager
def sampler(
    settings: SamplingSettings,
    model: ModelSettings,
    engine: EngineSettings,
    prompts: Sequence[Prompt],
    *,
    seed: int,
    targets: bool,
    cluster: str | None = None,
    ends: tuple[int, ...] = (),
) -> Iterator[Callable[[], Engine]]:
    """A function that loads the engine when it is first called. Texts are read in this process, by transformers.

    Args:
        settings: the recipe's sampling section.
        model: its model section.
        engine: its engine section.
        prompts: with the texts, where texts are read.
        seed: draws the prompts that keep an earlier run's samples.
        targets: whether soft targets are stored.
        cluster: a Ray cluster's address.
        ends: ids with which the chat template ends an answer.
    """
    if settings.source == "model":
        with on_demand(model, engine, settings.model, cluster, ends) as load:
            mix = settings.mix
            yield mixed(load, mix.run, mix.share, seed, targets=targets) if mix else load
        return
    from selfdistill.steps.sampling.texts import load_text_reader  # brings transformers, which vLLM does without

    path, revision = model.path, model.revision
    texts = {prompt.prompt_id: prompt.continuation for prompt in prompts}
    yield lambda: load_text_reader(
        shared_model(model, settings.model),
        read_tokenizer(path, revision),
        texts,
        ends or end_of_turn_ids(path, revision),
    )
