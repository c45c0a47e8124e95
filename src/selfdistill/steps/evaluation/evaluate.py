"""Step 3: decode base and student under every system's decoding, then grade.

Each model is loaded once. All systems draw from common random numbers: the stream of a sample is named by its problem
and index, not by the system, so paired differences carry less noise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selfdistill.engines.base import Engine, Progress
from selfdistill.engines.load import engine_for
from selfdistill.recipe.decoding import Decoding
from selfdistill.records import Prompt
from selfdistill.steps.evaluation.systems import System, plan_systems
from selfdistill.steps.sampling.generate import Job, generate_together
from selfdistill.steps.sampling.watch import Limit

if TYPE_CHECKING:
    from selfdistill.recipe.engine import EngineSettings
    from selfdistill.recipe.evaluation import EvaluationSettings


def systems_of(settings: EvaluationSettings, sampling: Decoding) -> tuple[System, ...]:
    """The systems that a recipe compares.

    Args:
        settings: the evaluation section.
        sampling: the decoding that draws the training samples.
    """
    return plan_systems(settings.base, settings.student, sampling, settings.grid.decodings, settings.baselines)


def sample_systems(
    settings: EvaluationSettings,
    systems: Sequence[tuple[System, Path]],
    prompts: Sequence[Prompt],
    *,
    seed: int,
    stop: tuple[str, ...],
    shard_size: int,
    title: str,
    engine: Callable[[], Engine],
    tokenizer: Any,
    progress: Progress | None = None,
) -> None:
    """Append what is missing of the completions of systems of one model, each to its own file.

    Decoding is each request's own, so the rows of all of them share batches.
    """
    jobs = [
        (
            Job(
                prompts=prompts,
                samples_per_prompt=settings.samples_per_problem,
                stages=system.stages,
                max_new_tokens=settings.max_new_tokens,
                stream=(seed, "evaluate"),
                stop=stop,
            ),
            path,
        )
        for system, path in systems
    ]
    generate_together(
        jobs,
        load_engine=engine,
        tokenizer=tokenizer,
        shard_size=shard_size,
        limit=Limit(title, "evaluation.max_new_tokens"),
        progress=progress,
    )


def by_engine(
    engine: EngineSettings, systems: Sequence[System], student: Path
) -> Iterator[tuple[EngineSettings, str | None, list[System]]]:
    """Systems that one loaded engine can run, the base's first, with the engine's section and the model's path.

    The path is None for the base. Two stages of decoding are beyond a server (see `engine_for`), hence the section.
    """
    for model, path in (("base", None), ("student", str(student))):
        left = [system for system in systems if system.model == model]
        while left:
            settings = engine_for(engine, left[0].stages)
            group = [system for system in left if engine_for(engine, system.stages) == settings]
            left = [system for system in left if system not in group]
            yield settings, path, group
