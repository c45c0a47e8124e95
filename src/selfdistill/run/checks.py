"""Stages beside the three steps: contamination by the benchmark, and what got worse. Each does only what is missing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from selfdistill.engines.shared import kept_loaded
from selfdistill.errors import UserError
from selfdistill.measure.contamination.run import compare_run, write_contamination
from selfdistill.measure.regressions.loaded import How
from selfdistill.measure.regressions.loading import load_task
from selfdistill.measure.regressions.measure import measure, work
from selfdistill.measure.regressions.records import MODELS
from selfdistill.problems.benchmarks import load_problems
from selfdistill.problems.render import load_renderer
from selfdistill.progress import progress
from selfdistill.run.engine import settled
from selfdistill.run.integrity import check, seal
from selfdistill.run.timing import timed_stage

if TYPE_CHECKING:
    from selfdistill.directory import RunDirectory
    from selfdistill.recipe.schema import Recipe


def check_contamination(recipe: Recipe, directory: RunDirectory) -> None:
    """contamination.json, unless it is there: do prompts, or samples so far, repeat the evaluation's problems?"""
    if directory.contamination.is_file():
        return

    check(directory, "prompts", "samples")
    settings = recipe.checks.contamination
    with timed_stage(directory, "contamination"), progress("comparing with the benchmark", None, "texts") as update:
        parts = compare_run(directory, load_problems(recipe.evaluation), settings, update)
        write_contamination(directory.contamination, recipe.evaluation.benchmark, settings, parts)
    seal(directory, "contamination")


def how_to_measure(recipe: Recipe) -> How:
    """What a recipe says of its other tasks."""
    return How(recipe.checks.regressions, recipe.evaluation, recipe.model, recipe.engine, recipe.cluster, recipe.seed)


def measure_regressions(
    recipe: Recipe, directory: RunDirectory, tasks: Sequence[str] = (), *, models: Sequence[str] = MODELS
) -> None:
    """Base and student on the recipe's other tasks and on further ones: files under regressions/.

    Args:
        recipe: of the run.
        directory: of the run.
        tasks: beside the recipe's.
        models: `base`, `student` or both.

    Raises:
        UserError: there is no student yet, or a task cannot be loaded or run.
    """
    names = [*dict.fromkeys([*recipe.checks.regressions.tasks, *tasks])]
    if not names:
        return
    if "student" in models and not directory.student.is_dir():
        raise UserError("there is no student yet", where=directory.root, fix=f"run selfdistill train {directory.root}")

    check(directory, "regressions", whole=False)
    if "student" in models:
        check(directory, "student")
    recipe = settled(recipe, directory)
    how, settings = how_to_measure(recipe), recipe.checks.regressions
    renderer, context = load_renderer(recipe.model, recipe.prompts)
    loaded = [load_task(settings, recipe.evaluation.split, name, renderer, context) for name in names]
    with (
        kept_loaded(),
        timed_stage(directory, "regressions"),
        progress("other tasks", work(how, loaded, models), "answers") as update,
    ):
        measure(how, directory, loaded, renderer, context, update, models)
    seal(directory, "regressions")
