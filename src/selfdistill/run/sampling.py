"""Step 1 of a run: its samples. Resumes: what is there stays.

`start.py` begins a run, `reporting.py` ends it, `pipeline.py` goes through all of it.
"""

from __future__ import annotations

from selfdistill.agreement.model_inputs import asks_for_inputs
from selfdistill.checked import checked
from selfdistill.directory import RunDirectory
from selfdistill.faults import require_one_process
from selfdistill.files import read_records
from selfdistill.models.tokenizers import read_tokenizer
from selfdistill.problems.render import load_renderer
from selfdistill.progress import progress
from selfdistill.recipe.schema import Recipe
from selfdistill.records import Prompt, Sample
from selfdistill.run.agreed import sample_inputs
from selfdistill.run.engine import settled
from selfdistill.run.integrity import check, seal
from selfdistill.run.mirror import push
from selfdistill.run.timing import timed_stage
from selfdistill.steps.sampling.generate import Job, generate_samples
from selfdistill.steps.sampling.source import TITLES, sampler
from selfdistill.steps.sampling.watch import Limit


@checked
def sample(recipe: Recipe, directory: RunDirectory) -> None:
    """Step 1: one completion a prompt (or as many as the recipe says) from the frozen base, or existing texts."""
    require_one_process("sample")

    check(directory, "prompts")
    check(directory, "samples", "targets", whole=False)
    recipe = settled(recipe, directory)
    renderer, context = load_renderer(recipe.model, recipe.prompts)
    settings = recipe.sampling
    prompts = list(read_records(directory.prompts, Prompt))
    number = recipe.rounds.number
    stream = (recipe.seed, "sample" if number == 1 else f"sample of round {number}")
    job = Job(
        prompts,
        settings.samples_per_prompt,
        (settings.decoding,),
        settings.max_new_tokens,
        stream,
        recipe.prompts.stop if settings.source == "model" else (),
        Limit(TITLES[settings.source], "sampling.max_new_tokens"),
    )
    longest = min(settings.max_new_tokens, context)
    with (
        timed_stage(directory, "sample") as facts,
        progress(TITLES[settings.source], job.size, "samples", longest) as update,
        sampler(
            settings,
            recipe.model,
            recipe.engine,
            prompts,
            seed=recipe.seed,
            targets=recipe.training.stores_targets,
            cluster=recipe.cluster,
            ends=renderer.end_of_answer,
        ) as engine,
    ):
        generate_samples(
            job,
            directory.samples,
            load_engine=engine,
            tokenizer=read_tokenizer(recipe.model.path, recipe.model.revision),
            shard_size=recipe.engine.shard_size,
            targets_dir=directory.targets if recipe.training.stores_targets else None,
            progress=update,
        )
        if asks_for_inputs(recipe.training):
            sample_inputs(recipe, directory, prompts, renderer, context, engine)
        facts["engine"] = recipe.engine.kind if settings.source == "model" else "transformers"
        facts["tokens"] = sum(len(record.token_ids) for record in read_records(directory.samples, Sample))
    seal(directory, "samples", "targets")
    push(recipe.storage, directory)
