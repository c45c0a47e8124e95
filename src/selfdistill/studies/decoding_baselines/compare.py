"""Tune every family on validation problems, then evaluate what was chosen on the run's own problems, once.

Both evaluations lie inside the run's directory, `decoding-baselines/validation` and `decoding-baselines/test`, each
like a run's own `evaluation`, and resume like it. Nothing is trained.

    selfdistill decoding-baselines runs/demo-seed0
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from selfdistill.decoding.families import Grid, without_syntax
from selfdistill.decoding.syntax import require_syntax
from selfdistill.directory import RunDirectory, exclusive
from selfdistill.errors import UserError
from selfdistill.files import write_json
from selfdistill.measure.evaluated import read_systems
from selfdistill.problems.benchmarks import load_problems
from selfdistill.problems.render import load_renderer
from selfdistill.recipe.schema import Recipe
from selfdistill.report.compared import Baselines
from selfdistill.run import evaluating, reporting
from selfdistill.run.engine import settled
from selfdistill.run.integrity import seal
from selfdistill.run.manifest import finished
from selfdistill.run.own_recipe import open_manifest, read_recipe
from selfdistill.steps.evaluation.systems import System, make_systems
from selfdistill.studies.decoding_baselines.choose import MODELS, Choice, choose
from selfdistill.studies.decoding_baselines.result import result
from selfdistill.studies.share import take_system


def compare(root: Path, grid: Grid, *, tune_on: str | None = None, tune_limit: int | None = None) -> Baselines:
    """The whole comparison of one run; writes decoding-baselines.json into it, and the report anew where there is one.

    Args:
        root: a run's directory, with a student in it.
        grid: from `read_grid`.
        tune_on: benchmark or file of the validation problems; None takes the embedded ones.
        tune_limit: use a subset of this many of them.

    Returns:
        What decoding-baselines.json holds (docs/decoding-baselines.md).

    Raises:
        UserError: no student, no validation problems, or some that are test problems too.
    """
    directory = RunDirectory(root)
    recipe = settled(read_recipe(directory), directory)
    if not directory.student.is_dir():
        raise UserError("has no student", where=root, fix=f"run selfdistill train {root}")
    validation = _validation(recipe, tune_on, tune_limit)
    grid = _usable(recipe, grid)
    with exclusive(directory):
        tuned = _evaluate(validation, directory, "validation", _systems(grid))
        choices = choose(tuned, grid, recipe.evaluation.pass_at)
        tested = _evaluate(_test(recipe), directory, "test", _chosen(choices))
        found = result(tuned, tested, choices, recipe)
        write_json(directory.decoding_baselines, found)
        seal(directory, "baselines")
        if finished(directory, "grade"):  # there are runs with a student whose own evaluation was never ended
            reporting.write_report(directory)
    return found


def _validation(recipe: Recipe, tune_on: str | None, limit: int | None) -> Recipe:
    """The recipe on the problems to tune on."""
    settings = recipe.evaluation
    if tune_on is None and settings.benchmark != "embedded":
        raise UserError(
            f"{settings.benchmark} has no validation problems", where="--tune-on", fix="name a benchmark or a file"
        )
    other: dict[str, Any] = {"benchmark": tune_on or "embedded", "split": "validation", "limit": limit}
    changed = _with(recipe, since=None, until=None, **other)
    shared = {problem.task_id for problem in load_problems(changed.evaluation)}
    shared &= {problem.task_id for problem in load_problems(recipe.evaluation)}
    if shared:
        raise UserError(
            f"{len(shared)} problems to tune on are among those of the test", where="--tune-on", fix="name others"
        )
    return changed


def _test(recipe: Recipe) -> Recipe:
    return _with(recipe)


def _with(recipe: Recipe, **changes: Any) -> Recipe:
    """The recipe with another evaluation; the copy of the run on object storage is the run's own business."""
    evaluation = recipe.evaluation.model_copy(update={"baselines": (), **changes})
    return recipe.model_copy(update={"evaluation": evaluation, "storage": None})


def _usable(recipe: Recipe, grid: Grid) -> Grid:
    """The families that this model can be decoded with.

    Raises:
        MissingExtraError: a family constrains syntax, and llguidance is not installed.
    """
    plain = without_syntax(grid)
    if len(plain) == len(grid) or load_renderer(recipe.model, recipe.prompts)[0].chat:
        return plain
    require_syntax()
    return grid


def _evaluate(
    recipe: Recipe, directory: RunDirectory, split: Literal["validation", "test"], systems: Sequence[System]
) -> RunDirectory:
    place = directory.decoding_baselines_on(split)
    place.root.mkdir(parents=True, exist_ok=True)
    open_manifest(place, recipe)
    if split == "test":
        _take_known(directory, place, systems)
    evaluating.evaluate_systems(recipe, place, systems, directory.student)
    return place


def _take_known(directory: RunDirectory, place: RunDirectory, systems: Sequence[System]) -> None:
    """What the run's own evaluation has already decoded and graded: same problems, same streams, same programs."""
    if not finished(directory, "grade"):
        return
    known = {system.name for system in read_systems(directory)}
    for system in systems:
        if system.name in known and not place.system_samples(system.name).exists():
            take_system(directory, place, system)


def _systems(grid: Grid) -> tuple[System, ...]:
    return make_systems([(model, s, "rival") for model in MODELS for settings in grid.values() for s in settings])


def _chosen(choices: Sequence[Choice]) -> tuple[System, ...]:
    return make_systems([(choice.model, choice.stages, "rival") for choice in choices])
