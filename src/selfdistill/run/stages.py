"""The stages of a run that load a model, each resumable: sample, train, evaluate, explain.

Each reads what the earlier ones left in the run directory and adds its own part; run again, it does only what is
missing. `start.py` begins a run, `reporting.py` ends it, `pipeline.py` goes through all of it.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace

from selfdistill.agreement.keep import refused_samples, statistics
from selfdistill.agreement.model_inputs import asks_for_inputs
from selfdistill.agreement.records import Agreement
from selfdistill.checked import checked
from selfdistill.directory import RunDirectory
from selfdistill.errors import UserError
from selfdistill.files import read_records, write_json
from selfdistill.models.load import read_tokenizer
from selfdistill.problems.render import load_renderer
from selfdistill.processes import is_main_process, process_count
from selfdistill.progress import progress
from selfdistill.recipe.schema import Recipe
from selfdistill.records import Prompt, Sample
from selfdistill.report.card import model_card
from selfdistill.report.pages.explain import write_explain
from selfdistill.run.agreed import find_agreed, sample_inputs
from selfdistill.run.engine import settled
from selfdistill.run.evaluating import evaluate_systems
from selfdistill.run.integrity import check, seal, sealed
from selfdistill.run.mirror import push
from selfdistill.run.reporting import require_stage
from selfdistill.run.timing import timed_stage
from selfdistill.steps.evaluation.evaluate import systems_of
from selfdistill.steps.sampling.generate import Job, generate_samples
from selfdistill.steps.sampling.source import TITLES, sampler
from selfdistill.steps.sampling.watch import Limit
from selfdistill.steps.training.keep import judge_samples


@checked
def sample(recipe: Recipe, directory: RunDirectory) -> None:
    """Step 1: one completion a prompt (or as many as the recipe says) from the frozen base, or existing texts."""
    _refuse_launcher("sample")

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
        if asks_for_inputs(recipe):
            sample_inputs(recipe, directory, prompts, renderer, context, engine)
        facts["engine"] = recipe.engine.kind if settings.source == "model" else "transformers"
        facts["tokens"] = sum(len(record.token_ids) for record in read_records(directory.samples, Sample))
    seal(directory, "samples", "targets")
    push(recipe, directory)


@checked
def train(recipe: Recipe, directory: RunDirectory) -> None:
    """Step 2: the base, fine-tuned on its raw samples."""
    if directory.student.is_dir():
        _finish_training(directory)
        return
    require_stage(directory, directory.samples, "sample")
    from selfdistill.steps.training.train import build_data, train_student  # brings TRL, which no other stage needs

    check(directory, "prompts", "samples", "targets")
    prompts = list(read_records(directory.prompts, Prompt))
    samples = _all_samples(directory, len(prompts) * recipe.sampling.samples_per_prompt)
    renderer, context = load_renderer(recipe.model, recipe.prompts)
    whole_answers = renderer.chat or recipe.prompts.template != "plain"
    agreed = None
    if recipe.training.keep == "agreement":  # a stage of its own in the manifest
        agreed = find_agreed(recipe, directory, prompts, samples, renderer, context)
    with timed_stage(directory, "train") as facts, progress("training the student", None, "steps") as update:
        refused = _refused(recipe, directory, prompts, samples, agreed, chat=renderer.chat)
        dataset, target, counts = build_data(
            recipe.training,
            prompts,
            samples,
            directory.targets,
            whole_answers=whole_answers,
            refused=refused,
            seed=recipe.seed,
        )
        if agreed is not None:
            counts = replace(counts, agreement=statistics(agreed, recipe.training.agreement))
        if is_main_process():
            write_json(directory.training_data, counts.to_json())
        steps = [0]

        def stepped(step: int, total: int) -> None:
            update(items=step - steps[0], total=total)
            steps[0] = step

        trained = train_student(
            recipe.model,
            recipe.training,
            recipe.sampling.decoding,
            dataset,
            target,
            directory.student,
            log=directory.training_log,
            card=model_card(recipe, None),
            progress=stepped,
            seed=recipe.seed,
            name=recipe.name,
        )
        facts |= trained
        facts["steps"] = steps[0]
        facts["processes"] = process_count()
        facts["tokens"] = counts.prompt_tokens + counts.completion_tokens
    seal(directory, "training", "student")
    push(recipe, directory)


def _all_samples(directory: RunDirectory, expected: int) -> list[Sample]:
    samples = list(read_records(directory.samples, Sample))
    if len(samples) < expected:
        raise UserError(
            f"{len(samples)} of {expected} samples are there", where=directory.samples, fix="run selfdistill sample"
        )
    return samples


def _refused(
    recipe: Recipe,
    directory: RunDirectory,
    prompts: Sequence[Prompt],
    samples: Sequence[Sample],
    agreed: Mapping[str, Agreement] | None,
    *,
    chat: bool,
) -> dict[int, str]:
    """Which samples `training.keep` leaves out, and why."""
    if agreed is not None:
        return refused_samples(recipe.training.agreement, samples, agreed)
    return judge_samples(
        recipe.training,
        recipe.evaluation.grading,
        recipe.prompts.source,
        prompts,
        samples,
        directory.sample_verdicts,
        chat=chat,
    )


def _finish_training(directory: RunDirectory) -> None:
    """What was left to do where a run was stopped just after its student had appeared."""
    if is_main_process():
        shutil.rmtree(directory.root / "checkpoints", ignore_errors=True)
        if not sealed(directory, "student"):
            seal(directory, "training", "student")


@checked
def evaluate(recipe: Recipe, directory: RunDirectory) -> None:
    """Step 3: decode and grade every system."""
    _refuse_launcher("evaluate")
    require_stage(directory, directory.student, "train")

    evaluate_systems(recipe, directory, systems_of(recipe.evaluation, recipe.sampling.decoding), directory.student)


def explain(directory: RunDirectory) -> None:
    """Which tokens moved: explain.html and explain.json; nothing if they are there."""
    if directory.explanation_page.is_file():
        return
    from selfdistill.run.explained import explain_run  # brings torch

    with timed_stage(directory, "explain"), progress("explaining", None, "positions") as update:
        write_explain(explain_run(directory.root, progress=update), directory.root)


def _refuse_launcher(stage: str) -> None:
    if process_count() > 1:
        raise UserError(f"{stage} does not run under accelerate launch or torchrun; only train does")
