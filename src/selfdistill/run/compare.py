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
from selfdistill.grading.isolation import require
from selfdistill.models.paths import resolve_path
from selfdistill.models.tokenizers import read_tokenizer
from selfdistill.problems.benchmarks import load_problems
from selfdistill.problems.prompted import check_lengths, render_problem
from selfdistill.problems.render import Renderer, load_renderer
from selfdistill.progress import progress
from selfdistill.records import Problem
from selfdistill.report import write_report
from selfdistill.run.evaluating import grade_group, sample_group, write_systems
from selfdistill.run.fingerprints import fingerprint_model
from selfdistill.run.integrity import check, check_student, seal
from selfdistill.run.manifest import set_fingerprint, update_manifest
from selfdistill.run.own_recipe import open_manifest
from selfdistill.run.timing import timed_stage
from selfdistill.steps.evaluation.systems import System, make_systems

if TYPE_CHECKING:
    from selfdistill.recipe.schema import Recipe


def compared_systems(recipe: Recipe) -> tuple[System, ...]:
    """Each model at its own decoding and over the grid; nothing of sampling or of a preview, which need a run."""
    settings = recipe.evaluation
    return make_systems(
        [
            ("base", (settings.base,), "default"),
            ("student", (settings.student,), "default"),
            *(("base", (decoding,), "grid") for decoding in settings.grid.decodings),
            *(("student", (decoding,), "grid") for decoding in settings.grid.decodings),
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
    for checkpoint in (recipe.model.path, student):
        check_student(Path(checkpoint))
    problems = load_problems(recipe.evaluation)
    models = {"base": recipe.model, "student": recipe.model.model_copy(update={"path": student, "revision": None})}
    renderers = {}
    for name, model in models.items():
        renderers[name], context = load_renderer(model, recipe.prompts)
        check_lengths([render_problem(problem, renderers[name]) for problem in problems], context)
    directory = RunDirectory(out)
    open_manifest(directory, recipe)
    update_manifest(directory, "compared", {"base": recipe.model.path, "student": student})
    for name, model in models.items():
        set_fingerprint(directory, name, fingerprint_model(resolve_path(model.path), model.revision))
    with exclusive(directory):
        check(directory, "evaluation", whole=False)
        recipe = recipe.model_copy(update={"engine": settle(recipe.model, recipe.engine)})
        systems = compared_systems(recipe)
        write_systems(directory, systems, problems)
        for name, path in (("base", None), ("student", student)):
            group = [system for system in systems if system.model == name]
            prompts = [render_problem(problem, renderers[name]) for problem in problems]
            ends = renderers[name].end_of_answer
            with on_demand(recipe.model, recipe.engine, path, recipe.cluster, ends) as engine:
                sample_group(
                    recipe,
                    directory,
                    group,
                    prompts,
                    engine=engine,
                    kind=recipe.engine.kind,
                    tokenizer=read_tokenizer(models[name].path, models[name].revision),
                    longest=recipe.evaluation.max_new_tokens,
                )
        _grade(recipe, directory, systems, problems, renderers)
        seal(directory, "evaluation")
        write_report(directory.root)
    return directory


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
            grade_group(recipe, directory, group, problems, chat=chat, progress=update)
        facts["programs"] = size
