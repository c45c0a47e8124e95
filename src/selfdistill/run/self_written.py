"""The source `self` as files: what the model wrote, and which of it are prompts. Written once, then
read like any other.

A run has them in its directory, `selfdistill prompts` beside the file that it writes.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from selfdistill.engines.on_demand import on_demand
from selfdistill.files import record_line, write_bytes
from selfdistill.measure.diversity import first_of_near
from selfdistill.problems.mixture import parts
from selfdistill.problems.render import load_renderer
from selfdistill.problems.sources import read_statements
from selfdistill.problems.user_turn import openings
from selfdistill.recipe.prompt_sources import SELF
from selfdistill.steps.sampling.user_turns import turns, write_turns

if TYPE_CHECKING:
    from selfdistill.recipe.prompts import PromptSettings
    from selfdistill.recipe.schema import Recipe


def is_self_written(settings: PromptSettings) -> bool:
    """Whether the model writes its prompts, or a share of them."""
    return SELF in (settings.source, *(part.source for part in settings.mixture))


def check_self(recipe: Recipe) -> None:
    """Find what would show only after the model has written for an hour.

    Raises:
        UserError: the model has no chat template, or a mixture's other sources cannot be read.
    """
    renderer, _ = load_renderer(recipe.model, recipe.prompts)
    one = recipe.prompts.self_written.model_copy(update={"count": 1})
    openings(replace(renderer, settings=recipe.prompts.model_copy(update={"self_written": one})))
    for part, settings in parts(recipe.prompts) if recipe.prompts.mixture else ():
        if part.source != SELF:
            next(read_statements(settings), None)


def write_self(recipe: Recipe, samples: Path, rows: Path) -> None:
    """Let the model write, unless that is done; resumes.

    Args:
        recipe: its engine settled.
        samples: what the model wrote, as `Sample` records.
        rows: `id`, `question`, and `left_out`: the reason why it is no prompt, or "".

    Raises:
        UserError: the model has no chat template, or it cannot be used.
    """
    if rows.is_file():
        return
    renderer, _ = load_renderer(recipe.model, recipe.prompts)
    prompts, opened = openings(renderer)
    ends = tuple(sorted({*renderer.end_of_answer, *opened.ends}))
    with on_demand(recipe.model, recipe.engine, None, recipe.cluster, ends) as engine:
        write_turns(
            prompts,
            recipe.prompts.self_written,
            samples,
            stop=opened.stop,
            engine=engine,
            tokenizer=renderer.tokenizer,
            seed=recipe.seed,
            shard_size=recipe.engine.shard_size,
        )
    similarity = recipe.prompts.self_written.similarity
    made = turns(samples, lambda texts: first_of_near(texts, similarity))
    write_bytes(rows, b"".join(map(record_line, made)))
