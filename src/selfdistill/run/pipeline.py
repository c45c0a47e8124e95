"""The whole loop over a run's stages, each in a process of its own where it would hold a GPU.

Everything in `STAGES` loads each of its models once (`engines/shared.py`), however many of its parts need it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from selfdistill.checked import checked
from selfdistill.directory import RunDirectory, exclusive
from selfdistill.engines.choose import require_vllm
from selfdistill.engines.shared import kept_loaded
from selfdistill.files import read_json
from selfdistill.recipe.schema import Recipe
from selfdistill.run import apart, reporting, start
from selfdistill.run.checks import check_contamination, measure_regressions
from selfdistill.run.engine import settled
from selfdistill.run.evaluating import evaluate
from selfdistill.run.manifest import finished
from selfdistill.run.mirror import push
from selfdistill.run.sampling import sample
from selfdistill.run.training import train
from selfdistill.steps.evaluation.evaluate import systems_of


@checked
def run_recipe(recipe: Recipe, out: Path | str) -> RunDirectory:
    """The whole loop, from where it stands.

    Raises:
        UserError: a mistake in the recipe, its data, or the machine's set-up; nothing half-written is left.
    """
    start.check_recipe(recipe)
    if recipe.engine.kind == "vllm" and not recipe.cluster and not RunDirectory(Path(out)).manifest.is_file():
        require_vllm()  # before anything is written
    directory = start.begin(recipe, Path(out))
    with exclusive(directory):
        chosen = settled(recipe, directory)
        if chosen.engine.kind == "vllm" and not (chosen.cluster or finished(directory, "grade")):
            require_vllm()
        run_stage("sample+regressions", recipe, directory)
        if recipe.checks.contamination.check:
            check_contamination(recipe, directory)
        run_stage("train", recipe, directory)
        with kept_loaded():  # where they share this process, evaluate's models explain as well
            run_stage("evaluate+regressions", recipe, directory)
            run_stage("explain", recipe, directory)
        reporting.write_report(directory)
        push(recipe.storage, directory)
    return directory


def run_stage(stage: str, recipe: Recipe, directory: RunDirectory) -> None:
    """One of `STAGES`, from where it stands: in a process of its own where it would hold a GPU, else in this one.

    Raises:
        UserError: as the stage.
        StageError, KilledError: its own process failed, or was ended.
    """
    if not (apart.wanted(recipe.model.device) and _is_done(stage, recipe, directory)):
        apart.run(stage, STAGES[stage], recipe, directory)


def _is_done(stage: str, recipe: Recipe, directory: RunDirectory) -> bool:
    """Whether a stage would find nothing to do, so that no process need start for it; False where it takes a look."""
    if stage == "prompts":
        return directory.self_written.is_file()
    if stage == "train":
        return directory.student.is_dir()
    if stage == "explain":
        return directory.explanation_page.is_file()
    name, _, regressions = stage.partition("+")
    if regressions and recipe.checks.regressions.tasks:
        return False
    record, result = {"sample": ("sample", directory.samples), "evaluate": ("grade", directory.systems)}[name]
    if not (finished(directory, record) and result.is_file()):
        return False
    if name == "sample":
        return True
    evaluated = [system["name"] for system in read_json(directory.systems)]
    planned = [system.name for system in systems_of(recipe.evaluation, recipe.sampling.decoding)]
    return evaluated == planned  # else `--grid` has been asked for since


def _sample_with_regressions(recipe: Recipe, directory: RunDirectory) -> None:
    """With the other tasks of the base, while it is loaded or served: one server may have base and student in turn."""
    with kept_loaded():
        sample(recipe, directory)
        measure_regressions(recipe, directory, models=("base",))


def _evaluate_with_regressions(recipe: Recipe, directory: RunDirectory) -> None:
    with kept_loaded():
        evaluate(recipe, directory)
        measure_regressions(recipe, directory, models=("student",))


def _explain_where_possible(recipe: Recipe, directory: RunDirectory) -> None:
    """Where a server generates, the models may not fit on this machine."""
    if recipe.engine.base_url is None:
        from selfdistill.run.explained import explain  # brings torch

        explain(directory)


STAGES: dict[str, Callable[[Recipe, RunDirectory], None]] = {
    "prompts": start.write_prompts,
    "sample": sample,
    "sample+regressions": _sample_with_regressions,
    "train": train,
    "evaluate": evaluate,
    "evaluate+regressions": _evaluate_with_regressions,
    "explain": _explain_where_possible,
}
"""What `run_stage` runs: everything of a run that loads a model, a process each."""
