"""Step 3 of a run: decode and grade its systems, or those of a study. Resumes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selfdistill.checked import checked
from selfdistill.directory import RunDirectory
from selfdistill.engines.on_demand import on_demand
from selfdistill.faults import require_one_process
from selfdistill.files import read_records, record_line, write_bytes, write_json
from selfdistill.grading.isolation import isolation_report
from selfdistill.models.tokenizers import read_tokenizer
from selfdistill.problems.benchmarks import load_problems
from selfdistill.problems.prompted import render_problem
from selfdistill.problems.render import load_renderer
from selfdistill.progress import Update, progress
from selfdistill.recipe.schema import Recipe
from selfdistill.records import Problem, Prompt, Sample
from selfdistill.run.engine import settled
from selfdistill.run.fingerprints import fingerprint_file
from selfdistill.run.integrity import check, check_student, require_stage, seal
from selfdistill.run.manifest import set_fingerprint, update_manifest
from selfdistill.run.mirror import push
from selfdistill.run.timing import timed_stage, timed_together
from selfdistill.steps.evaluation.evaluate import by_engine, sample_systems, systems_of
from selfdistill.steps.evaluation.grade import grade_systems

if TYPE_CHECKING:
    from selfdistill.engines.base import Engine
    from selfdistill.steps.evaluation.systems import System


@checked
def evaluate(recipe: Recipe, directory: RunDirectory) -> None:
    """Step 3: decode and grade every system."""
    require_one_process("evaluate")
    require_stage(directory, directory.student, "train")

    evaluate_systems(recipe, directory, systems_of(recipe.evaluation, recipe.sampling.decoding), directory.student)


def evaluate_systems(recipe: Recipe, directory: RunDirectory, systems: Sequence[System], student: Path) -> None:
    """Decode and grade systems on the recipe's problems, into a directory that has a manifest.

    Args:
        recipe: how to sample and to grade.
        directory: where `evaluation/` is, or will be.
        systems: what to evaluate.
        student: the tuned model.
    """
    check(directory, "evaluation", whole=False)
    check_student(student)
    recipe = settled(recipe, directory)
    renderer, _ = load_renderer(recipe.model, recipe.prompts)
    problems = load_problems(recipe.evaluation)
    prompts = [render_problem(problem, renderer) for problem in problems]
    write_systems(directory, systems, problems)
    _sample_systems(recipe, directory, systems, prompts, student)
    size = len(prompts) * recipe.evaluation.samples_per_problem
    with timed_stage(directory, "grade") as facts, progress("grading", size * len(systems), "programs") as update:
        grade_group(recipe, directory, systems, problems, chat=renderer.chat, progress=update)
        facts["programs"] = size * len(systems)
    seal(directory, "evaluation")
    push(recipe.storage, directory)


def write_systems(directory: RunDirectory, systems: Sequence[System], problems: Sequence[Problem]) -> None:
    """What is about to be evaluated, on what, and in which sandbox, for the report."""
    _write_problems(directory, problems)
    write_json(directory.systems, [_plain(system) for system in systems])
    update_manifest(directory, "isolation", [list(layer) for layer in isolation_report()])


def sample_group(
    recipe: Recipe,
    directory: RunDirectory,
    systems: Sequence[System],
    prompts: Sequence[Prompt],
    *,
    engine: Callable[[], Engine],
    kind: str,
    tokenizer: Any,
    longest: int,
) -> None:
    """The completions of systems of one engine, which share batches: seconds are shares of one time, by tokens.

    Args:
        recipe, directory: of the run.
        systems: of one model.
        prompts: the problems, rendered for it.
        engine: loads what generates.
        kind: what generates, for the manifest.
        tokenizer: the model's.
        longest: tokens that a completion can have, for the time left.
    """
    title = systems[0].title if len(systems) == 1 else f"{systems[0].model}, {len(systems)} decodings"
    files = {f"evaluate {system.name}": directory.system_samples(system.name) for system in systems}
    size = len(prompts) * recipe.evaluation.samples_per_problem * len(systems)
    with timed_together(directory, tuple(files)) as facts:
        with progress(title, size, "samples", longest) as update:
            sample_systems(
                recipe.evaluation,
                list(zip(systems, files.values(), strict=True)),
                prompts,
                title=title,
                engine=engine,
                tokenizer=tokenizer,
                progress=update,
                seed=recipe.seed,
                stop=recipe.prompts.stop,
                shard_size=recipe.engine.shard_size,
            )
        for name, path in files.items():
            facts[name]["tokens"] = sum(len(record.token_ids) for record in read_records(path, Sample))
            facts[name]["engine"] = kind


def grade_group(
    recipe: Recipe,
    directory: RunDirectory,
    systems: Sequence[System],
    problems: Sequence[Problem],
    *,
    chat: bool,
    progress: Update,
) -> None:
    """The verdicts on the completions of systems that answer alike, in prose or not: see `grade_systems`."""
    grade_systems(
        [(each.name, directory.system_samples(each.name), directory.system_verdicts(each.name)) for each in systems],
        problems,
        recipe.evaluation.grading,
        chat=chat,
        cluster=recipe.cluster,
        progress=progress,
    )


def _sample_systems(
    recipe: Recipe, directory: RunDirectory, systems: Sequence[System], prompts: Sequence[Prompt], student: Path
) -> None:
    """Decode the problems under every system, one engine after the other; the manifest says which engine it was."""
    renderer, context = load_renderer(recipe.model, recipe.prompts)
    tokenizer = read_tokenizer(recipe.model.path, recipe.model.revision)
    longest = min(recipe.evaluation.max_new_tokens, context)
    for settings, model, group in by_engine(recipe.engine, systems, student):
        with on_demand(recipe.model, settings, model, recipe.cluster, renderer.end_of_answer) as engine:
            sample_group(
                recipe,
                directory,
                group,
                prompts,
                engine=engine,
                kind=settings.kind,
                tokenizer=tokenizer,
                longest=longest,
            )
            push(recipe.storage, directory)


def _write_problems(directory: RunDirectory, problems: Any) -> None:
    lines = [
        {
            "task_id": problem.task_id,
            "difficulty": problem.difficulty,
            "statement": problem.statement,
            "program_prefix": problem.program_prefix,
        }
        for problem in problems
    ]
    data = b"".join(record_line(line) for line in lines)
    write_bytes(directory.problems, data)
    set_fingerprint(directory, "benchmark", fingerprint_file(directory.problems))


def _plain(system: Any) -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(type(system)).dump_python(system, mode="json")
