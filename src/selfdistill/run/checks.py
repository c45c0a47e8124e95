"""Stages beside the three steps: overlap with the benchmark, and what got worse. Each does only what is missing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from selfdistill.engines.shared import kept_loaded
from selfdistill.errors import UserError
from selfdistill.measure.contamination.run import compare_run, write_overlap
from selfdistill.measure.regressions.loading import load_task
from selfdistill.measure.regressions.measure import measure, work
from selfdistill.measure.regressions.records import MODELS
from selfdistill.problems.evaluation import load_problems
from selfdistill.problems.render import load_renderer
from selfdistill.progress import progress
from selfdistill.run.engine import settled
from selfdistill.run.timing import timed_stage

if TYPE_CHECKING:
    from selfdistill.directory import RunDirectory
    from selfdistill.recipe import Recipe


def check_others(recipe: Recipe) -> None:
    """Find a task that cannot be measured before anything is run.

    Raises:
        UserError: no such benchmark or file, or lm-eval is not installed.
    """
    if recipe.checks.others.tasks:
        renderer, context = load_renderer(recipe.model, recipe.prompts)
        for name in recipe.checks.others.tasks:
            load_task(recipe, name, renderer, context)


def check_overlap(recipe: Recipe, directory: RunDirectory) -> None:
    """overlap.json: do the prompts, or the samples so far, repeat the evaluation's problems? Nothing if it is there."""
    if directory.overlap.is_file():
        return

    settings = recipe.checks.overlap
    with timed_stage(directory, "overlap"), progress("comparing with the benchmark", None, "texts") as update:
        parts = compare_run(directory, load_problems(recipe), settings, update)
        write_overlap(directory.overlap, recipe.evaluation.benchmark, settings, parts)


def measure_others(
    recipe: Recipe, directory: RunDirectory, tasks: Sequence[str] = (), *, models: Sequence[str] = MODELS
) -> None:
    """Base and student on the recipe's other tasks and on further ones: files under others/.

    Args:
        recipe: of the run.
        directory: of the run.
        tasks: beside the recipe's.
        models: `base`, `student` or both.

    Raises:
        UserError: there is no student yet, or a task cannot be loaded or run.
    """
    names = [*dict.fromkeys([*recipe.checks.others.tasks, *tasks])]
    if not names:
        return
    if "student" in models and not directory.student.is_dir():
        raise UserError("there is no student yet", where=directory.root, fix=f"run selfdistill train {directory.root}")

    recipe = settled(recipe, directory)
    renderer, context = load_renderer(recipe.model, recipe.prompts)
    loaded = [load_task(recipe, name, renderer, context) for name in names]
    with (
        kept_loaded(),
        timed_stage(directory, "others"),
        progress("other tasks", work(recipe, loaded, models), "answers") as update,
    ):
        measure(recipe, directory.root, directory.student, loaded, renderer, context, update, models)
