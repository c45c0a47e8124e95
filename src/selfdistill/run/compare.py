"""Two checkpoints that exist already, under the same evaluation, with the same report as a run's; nothing is trained.

Each is asked in its own words: its own tokenizer and chat template. All draws come from common random numbers, as in a
run, so that differences are paired problem by problem.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from selfdistill.directory import RunDirectory, exclusive
from selfdistill.engines.choose import settle
from selfdistill.engines.on_demand import on_demand
from selfdistill.files import read_records
from selfdistill.grading.isolation import require
from selfdistill.models.load import read_tokenizer, resolve_path
from selfdistill.problems.evaluation import check_lengths, load_problems, render_problem
from selfdistill.problems.render import Renderer, load_renderer
from selfdistill.progress import progress
from selfdistill.recipe.decoding import Decoding
from selfdistill.records import Problem, Sample
from selfdistill.report import write_report
from selfdistill.run.evaluating import write_systems
from selfdistill.run.fingerprints import fingerprint_model
from selfdistill.run.manifest import open_manifest, set_fingerprint
from selfdistill.run.timing import timed_stage, timed_together
from selfdistill.steps.evaluation.evaluate import sample_systems
from selfdistill.steps.evaluation.grade import grade_systems
from selfdistill.steps.evaluation.systems import System, make_systems

if TYPE_CHECKING:
    from selfdistill.recipe import Recipe


def compared_systems(recipe: Recipe) -> tuple[System, ...]:
    """Each model at its own decoding and over the grid; nothing of sampling or of a preview, which need a run."""
    settings = recipe.evaluation
    grid = [
        Decoding(temperature=temperature, top_k=settings.grid.top_k, top_p=settings.grid.top_p)
        for temperature in settings.grid.temperatures
    ]
    return make_systems(
        [
            ("base", (settings.base,), "default"),
            ("student", (settings.student,), "default"),
            *(("base", (decoding,), "grid") for decoding in grid),
            *(("student", (decoding,), "grid") for decoding in grid),
        ]
    )


def compare_checkpoints(recipe: Recipe, student: str, out: Path) -> RunDirectory:
    """Evaluate both and write the report; resumes.

    Args:
        recipe: its model is the base; its evaluation, engine and prompts sections say how both are measured.
        student: a directory or a hub id.
        out: the directory of results, laid out as a run's.

    Raises:
        UserError: a checkpoint cannot be used, or the directory holds another comparison.
    """
    require(recipe.evaluation.grading.isolation)
    problems = load_problems(recipe.evaluation)
    models = {"base": recipe.model, "student": recipe.model.model_copy(update={"path": student, "revision": None})}
    renderers = {}
    for name, model in models.items():
        renderers[name], context = load_renderer(model, recipe.prompts)
        check_lengths([render_problem(problem, renderers[name]) for problem in problems], context)
    directory = RunDirectory(out)
    open_manifest(directory, recipe)
    for name, model in models.items():
        set_fingerprint(directory, name, fingerprint_model(resolve_path(model.path), model.revision))
    with exclusive(directory):
        recipe = recipe.model_copy(update={"engine": settle(recipe.model, recipe.engine)})
        systems = compared_systems(recipe)
        write_systems(directory, systems, problems)
        for name, path in (("base", None), ("student", student)):
            group = [system for system in systems if system.model == name]
            _sample(recipe, directory, group, problems, renderers[name], path)
        _grade(recipe, directory, systems, problems, renderers)
        write_report(directory.root)
    return directory


def _sample(
    recipe: Recipe,
    directory: RunDirectory,
    systems: Sequence[System],
    problems: Sequence[Problem],
    renderer: Renderer,
    path: str | None,
) -> None:
    """One model's completions under its decodings; seconds are shares of one time, by tokens."""
    prompts = [render_problem(problem, renderer) for problem in problems]
    files = {f"evaluate {system.name}": directory.system_samples(system.name) for system in systems}
    title = f"{systems[0].model}, {len(systems)} decodings"
    size = len(prompts) * recipe.evaluation.samples_per_problem * len(systems)
    with (
        on_demand(recipe.model, recipe.engine, path, recipe.cluster, renderer.end_of_answer) as engine,
        timed_together(directory, tuple(files)) as facts,
    ):
        with progress(title, size, "samples", recipe.evaluation.max_new_tokens) as update:
            sample_systems(
                recipe.evaluation,
                list(zip(systems, files.values(), strict=True)),
                prompts,
                title=title,
                engine=engine,
                tokenizer=read_tokenizer(path or recipe.model.path, None if path else recipe.model.revision),
                progress=update,
                seed=recipe.seed,
                stop=recipe.prompts.stop,
                shard_size=recipe.engine.shard_size,
            )
        for name, file in files.items():
            facts[name]["tokens"] = sum(len(record.token_ids) for record in read_records(file, Sample))
            facts[name]["engine"] = recipe.engine.kind


def _grade(
    recipe: Recipe,
    directory: RunDirectory,
    systems: Sequence[System],
    problems: Sequence[Problem],
    renderers: dict[str, Renderer],
) -> None:
    """Both in one stream where both speak chat, or neither; else one after the other."""
    size = len(problems) * recipe.evaluation.samples_per_problem * len(systems)
    with timed_stage(directory, "grade") as facts, progress("grading", size, "programs") as update:
        for chat in sorted({renderer.chat for renderer in renderers.values()}):
            group = [system for system in systems if renderers[system.model].chat == chat]
            grade_systems(
                [(s.name, directory.system_samples(s.name), directory.system_verdicts(s.name)) for s in group],
                problems,
                recipe.evaluation.grading,
                chat=chat,
                cluster=recipe.cluster,
                progress=update,
            )
        facts["programs"] = size
