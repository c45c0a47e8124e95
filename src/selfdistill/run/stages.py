"""The stages of a run, each resumable: prepare, sample, train, evaluate, explain, report.

Each reads what the earlier ones left in the run directory and adds its own part; run again, it does only what is
missing. `loop.py` runs them all.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selfdistill import report
from selfdistill.agreement.keep import refused_samples, statistics
from selfdistill.agreement.model_inputs import asks_for_inputs, require_chat
from selfdistill.checked import checked
from selfdistill.directory import RunDirectory, exclusive
from selfdistill.engines.on_demand import on_demand
from selfdistill.errors import UserError
from selfdistill.events import emit
from selfdistill.files import read_json, read_records, record_line, write_bytes, write_json, write_text
from selfdistill.grading import isolation_report
from selfdistill.grading.isolation import require
from selfdistill.measure.contamination.run import prompt_filter
from selfdistill.models.attention import check_attention
from selfdistill.models.load import read_tokenizer, resolve_device, resolve_path
from selfdistill.problems.evaluation import check_lengths, load_problems, render_problem
from selfdistill.problems.prepare import prepare_prompts
from selfdistill.problems.render import load_renderer
from selfdistill.processes import is_main_process, process_count
from selfdistill.progress import progress
from selfdistill.recipe import Recipe
from selfdistill.records import Problem, Prompt, Sample
from selfdistill.report.card import model_card
from selfdistill.report.pages.explain import write_explain
from selfdistill.run import apart
from selfdistill.run.agreed import find_agreed, sample_inputs
from selfdistill.run.checks import check_regressions
from selfdistill.run.engine import settled
from selfdistill.run.explained import explain_run
from selfdistill.run.fingerprints import fingerprint_file, fingerprint_model
from selfdistill.run.integrity import check, check_student, seal, sealed
from selfdistill.run.manifest import open_manifest, read_recipe, set_fingerprint, update_manifest
from selfdistill.run.mirror import pull, push
from selfdistill.run.prediction import predict
from selfdistill.run.self_written import check_self, is_self_written, write_self
from selfdistill.run.timing import timed_stage, timed_together
from selfdistill.steps.evaluation.evaluate import by_engine, sample_systems, systems_of
from selfdistill.steps.evaluation.grade import grade_systems
from selfdistill.steps.sampling.generate import Job, generate_samples
from selfdistill.steps.sampling.source import TITLES, sampler
from selfdistill.steps.sampling.watch import Limit
from selfdistill.steps.training.extras import require_extras
from selfdistill.steps.training.keep import judge_samples
from selfdistill.steps.training.train import build_data, train_student

if TYPE_CHECKING:
    from selfdistill.problems.prepare import PromptCounts
    from selfdistill.steps.evaluation.systems import System


def check_recipe(recipe: Recipe) -> None:
    """Find the mistakes that would show after hours, before anything is written.

    Raises:
        UserError: the model has no tokenizer, the prompts or problems cannot be read, the sandbox is missing.
    """
    resolve_device(recipe.model.device)
    check_attention(recipe.model.attention)
    require_extras(recipe.model, recipe.training)
    renderer, context = _renderer(recipe)
    _ = renderer.chat  # raises where a template is demanded and absent
    if asks_for_inputs(recipe):
        require_chat(renderer)
    problems = load_problems(recipe.evaluation)
    check_lengths([render_problem(problem, renderer) for problem in problems], context)
    require(recipe.evaluation.grading.isolation)
    check_regressions(recipe)


@checked
def begin(recipe: Recipe, out: Path) -> RunDirectory:
    """Open or create a run directory, with prepared prompts in it; from the recipe's storage, if the run is there."""
    directory = RunDirectory(out)
    pull(recipe, directory)
    fresh = not directory.prompts.is_file()
    if fresh and is_self_written(recipe.prompts):
        _write_self(recipe, directory)
    if fresh:
        prompts, counts = read_prompts(recipe, directory.self_written)
    open_manifest(directory, recipe)
    set_fingerprint(directory, "model", fingerprint_model(resolve_path(recipe.model.path), recipe.model.revision))
    if fresh:
        write_json(directory.prompt_counts, asdict(counts))
        write_bytes(directory.prompts, b"".join(record_line(prompt) for prompt in prompts))
        predict(recipe, directory, prompts)
    check(directory, "prompts")
    set_fingerprint(directory, "prompts", fingerprint_file(directory.prompts))
    if not sealed(directory, "prompts"):
        seal(directory, "prompts")
    return directory


def write_prompts(recipe: Recipe, directory: RunDirectory) -> None:
    """The source `self`: the base writes its users' turns."""
    with timed_stage(directory, "prompts"):
        write_self(settled(recipe, directory), directory.self_samples, directory.self_written)


def read_prompts(recipe: Recipe, written: Path | None = None) -> tuple[list[Prompt], PromptCounts]:
    """The recipe's prompts, rendered, and what was dropped; writes nothing.

    Args:
        recipe: of the run.
        written: what the base wrote itself, for the source `self`.
    """
    renderer, context = _renderer(recipe)
    texts = recipe.sampling.source == "texts"
    drop = prompt_filter(recipe.checks.contamination, recipe.evaluation)
    return prepare_prompts(renderer, seed=recipe.seed, context=context, texts=texts, drop=drop, written=written)


@checked
def sample(recipe: Recipe, directory: RunDirectory) -> None:
    """Step 1: one completion a prompt (or as many as the recipe says) from the frozen base, or existing texts."""
    _refuse_launcher("sample")

    check(directory, "prompts")
    check(directory, "samples", "targets", whole=False)
    recipe = settled(recipe, directory)
    renderer, context = _renderer(recipe)
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
    _require(directory, directory.samples, "sample")

    check(directory, "prompts", "samples", "targets")
    prompts = list(read_records(directory.prompts, Prompt))
    samples = list(read_records(directory.samples, Sample))
    expected = len(prompts) * recipe.sampling.samples_per_prompt
    if len(samples) < expected:
        raise UserError(
            f"{len(samples)} of {expected} samples are there", where=directory.samples, fix="run selfdistill sample"
        )
    renderer, context = _renderer(recipe)
    whole_answers = renderer.chat or recipe.prompts.template != "plain"
    agreed = None
    if recipe.training.keep == "agreement":
        agreed = find_agreed(recipe, directory, prompts, samples, renderer, context)
    with timed_stage(directory, "train") as facts, progress("training the student", None, "steps") as update:
        refused = (
            refused_samples(recipe.training.agreement, samples, agreed)
            if agreed is not None
            else judge_samples(
                recipe.training,
                recipe.evaluation.grading,
                recipe.prompts.source,
                prompts,
                samples,
                directory.sample_verdicts,
                chat=renderer.chat,
            )
        )
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
    _require(directory, directory.student, "train")

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
    renderer, _ = _renderer(recipe)
    problems = load_problems(recipe.evaluation)
    prompts = [render_problem(problem, renderer) for problem in problems]
    write_systems(directory, systems, problems)
    _sample_systems(recipe, directory, systems, prompts, student)
    size = len(prompts) * recipe.evaluation.samples_per_problem
    with timed_stage(directory, "grade") as facts, progress("grading", size * len(systems), "programs") as update:
        grade_systems(
            [(s.name, directory.system_samples(s.name), directory.system_verdicts(s.name)) for s in systems],
            problems,
            recipe.evaluation.grading,
            chat=renderer.chat,
            cluster=recipe.cluster,
            progress=update,
        )
        facts["programs"] = size * len(systems)
    seal(directory, "evaluation")
    push(recipe, directory)


def write_systems(directory: RunDirectory, systems: Sequence[System], problems: Sequence[Problem]) -> None:
    """What is about to be evaluated, on what, and in which sandbox, for the report."""
    _write_problems(directory, problems)
    write_json(directory.systems, [_plain(system) for system in systems])
    update_manifest(directory, "isolation", [list(layer) for layer in isolation_report()])


def _sample_systems(
    recipe: Recipe, directory: RunDirectory, systems: Sequence[System], prompts: Sequence[Prompt], student: Path
) -> None:
    """Decode the problems under every system, one engine after the other; the manifest says which engine it was.

    Systems of one engine share batches, so their seconds are shares of one time, by tokens.
    """
    renderer, context = _renderer(recipe)
    tokenizer = read_tokenizer(recipe.model.path, recipe.model.revision)
    longest = min(recipe.evaluation.max_new_tokens, context)
    size = len(prompts) * recipe.evaluation.samples_per_problem
    for settings, model, group in by_engine(recipe.engine, systems, student):
        with on_demand(recipe.model, settings, model, recipe.cluster, renderer.end_of_answer) as engine:
            title = group[0].title if len(group) == 1 else f"{group[0].model}, {len(group)} decodings"
            files = {f"evaluate {system.name}": directory.system_samples(system.name) for system in group}
            with timed_together(directory, tuple(files)) as facts:
                with progress(title, size * len(group), "samples", longest) as update:
                    sample_systems(
                        recipe.evaluation,
                        list(zip(group, files.values(), strict=True)),
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
                    facts[name]["engine"] = settings.kind
            push(recipe, directory)


def explain(directory: RunDirectory) -> None:
    """Which tokens moved: explain.html and explain.json; nothing if they are there."""
    if directory.explanation_page.is_file():
        return

    with timed_stage(directory, "explain"), progress("explaining", None, "positions") as update:
        write_explain(explain_run(directory.root, progress=update), directory.root)


@checked
def write_report(directory: RunDirectory) -> Path:
    """summary.json and report.html, and the results on the student's model card."""
    _require(directory, directory.systems, "evaluate")
    check(directory, "prompts", "samples", "training", "contamination", "evaluation", "regressions", "baselines")

    path = report.write_report(directory.root)
    write_text(directory.student_card, model_card(read_recipe(directory), read_json(directory.summary)))
    emit("report written", path=str(path.resolve()))
    return path


def speaks_chat(recipe: Recipe) -> bool:
    """Whether the model answers instructions, in prose around code, and does not just continue a prompt."""
    return bool(_renderer(recipe)[0].chat)


def _write_self(recipe: Recipe, directory: RunDirectory) -> None:
    """Begin the run with its prompts: in a process of its own where the model would hold a GPU."""
    check_self(recipe)
    open_manifest(directory, recipe)
    with exclusive(directory):
        if directory.self_written.is_file():
            return
        if apart.wanted(recipe):
            apart.run_apart("prompts", recipe, directory)
        else:
            write_prompts(recipe, directory)


def _renderer(recipe: Recipe) -> tuple[Any, int]:
    return load_renderer(recipe.model, recipe.prompts)


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


def _refuse_launcher(stage: str) -> None:
    if process_count() > 1:
        raise UserError(f"{stage} does not run under accelerate launch or torchrun; only train does")


def _require(directory: RunDirectory, path: Path, stage: str) -> None:
    if not path.exists():
        raise UserError("is missing", where=path, fix=f"run selfdistill {stage} {directory.root}")
