"""Step 2 of a run: its student. Resumes from the last checkpoint."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace

from selfdistill.agreement.keep import refused_samples, statistics
from selfdistill.agreement.records import Agreement
from selfdistill.checked import checked
from selfdistill.directory import RunDirectory
from selfdistill.errors import UserError
from selfdistill.files import read_records, write_json
from selfdistill.problems.render import load_renderer
from selfdistill.processes import is_main_process, process_count
from selfdistill.progress import progress
from selfdistill.recipe.schema import Recipe
from selfdistill.records import Prompt, Sample
from selfdistill.report.card import model_card
from selfdistill.run.agreed import find_agreed
from selfdistill.run.integrity import check, require_stage, seal, sealed
from selfdistill.run.mirror import push
from selfdistill.run.timing import timed_stage
from selfdistill.steps.training.keep import judge_samples


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

        def stepped(step: int, total: int, there: int) -> None:
            update(items=step - steps[0] - there, total=total, there=there)
            steps[0] = step

        adapted = train_student(
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
        if adapted is not None:
            facts["adapted_weights"], facts["weights"] = adapted
        facts["steps"] = steps[0]
        facts["processes"] = process_count()
        facts["tokens"] = counts.prompt_tokens + counts.completion_tokens
    seal(directory, "training", "student")
    push(recipe.storage, directory)


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
