"""The parts of a run that only `training.keep: agreement` has: the model's inputs, and the stage `agree`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from selfdistill.agreement.keep import find_agreements
from selfdistill.agreement.model_inputs import asks_for_inputs, input_prompts
from selfdistill.agreement.records import Agreement
from selfdistill.directory import RunDirectory
from selfdistill.errors import UserError
from selfdistill.files import read_records
from selfdistill.models.tokenizers import read_tokenizer
from selfdistill.progress import progress
from selfdistill.recipe.schema import Recipe
from selfdistill.records import Prompt, Sample
from selfdistill.run.timing import timed_stage
from selfdistill.steps.sampling.generate import Job, generate_samples
from selfdistill.steps.sampling.watch import Limit

if TYPE_CHECKING:
    from selfdistill.engines.base import Engine
    from selfdistill.problems.render import Renderer


def sample_inputs(
    recipe: Recipe,
    directory: RunDirectory,
    prompts: Sequence[Prompt],
    renderer: Renderer,
    context: int,
    engine: Callable[[], Engine],
) -> None:
    """Ask the model for inputs on which its own programs can be compared: one answer a prompt.

    Raises:
        UserError: the model has no chat template.
    """
    asking = input_prompts(renderer, prompts, context)
    longest = recipe.training.agreement.input_tokens
    limit = Limit("asking for inputs", "training.agreement.input_tokens")
    job = Job(asking, 1, (recipe.sampling.decoding,), longest, (recipe.seed, "inputs"), limit=limit)
    with progress("asking for inputs", job.size, "samples", longest) as update:
        generate_samples(
            job,
            directory.input_samples,
            load_engine=engine,
            tokenizer=read_tokenizer(recipe.model.path, recipe.model.revision),
            shard_size=recipe.engine.shard_size,
            progress=update,
        )


def find_agreed(
    recipe: Recipe,
    directory: RunDirectory,
    prompts: Sequence[Prompt],
    samples: Sequence[Sample],
    renderer: Renderer,
    context: int,
) -> dict[str, Agreement]:
    """Which of each prompt's samples agree, by prompt: read from its file, what is missing found now.

    Raises:
        UserError: the model was to be asked for inputs, and was not.
    """
    path = directory.sample_agreements
    found = _by_prompt(path)
    if len(found) < len(prompts):
        written = {sample.prompt_id: sample.text for sample in read_records(directory.input_samples, Sample)}
        wanted = len(input_prompts(renderer, prompts, context)) if asks_for_inputs(recipe.training) else 0
        if len(written) < wanted:
            raise UserError(
                f"{len(written)} of {wanted} answers with inputs are there",
                where=directory.input_samples,
                fix=f"run selfdistill sample {directory.root}",
            )
        with (
            timed_stage(directory, "agree") as facts,
            progress("comparing programs", len(prompts), "prompts") as update,
        ):
            find_agreements(
                recipe.training.agreement,
                recipe.evaluation.grading,
                prompts,
                samples,
                path,
                chat=renderer.chat,
                seed=recipe.seed,
                written=written,
                progress=update,
            )
            found = _by_prompt(path)
            facts["programs"] = sum(record.programs for record in found.values())
    return found


def _by_prompt(path: Path) -> dict[str, Agreement]:
    return {record.key: record for record in read_records(path, Agreement)}
