"""A run's plan, in its manifest before it begins. It may not stop a run: whatever goes wrong here is passed over."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from selfdistill.models.devices import resolve_device
from selfdistill.plan.cpu import sheet_of
from selfdistill.plan.estimate import estimate
from selfdistill.plan.machine import device_name
from selfdistill.plan.measured import all_measured
from selfdistill.plan.model import model_size
from selfdistill.plan.workload import Workload, mean_completion
from selfdistill.problems.benchmarks import load_problems
from selfdistill.run.manifest import update_manifest
from selfdistill.run.recorded import PlanRecord, Predicted
from selfdistill.steps.evaluation.evaluate import systems_of

if TYPE_CHECKING:
    from selfdistill.directory import RunDirectory
    from selfdistill.recipe.schema import Recipe
    from selfdistill.records import Prompt


def predict(recipe: Recipe, directory: RunDirectory, prompts: Sequence[Prompt]) -> None:
    """Write the prediction of a run that begins into its manifest."""
    with contextlib.suppress(Exception):
        update_manifest(directory, "plan", _prediction(recipe, prompts))


def _prediction(recipe: Recipe, prompts: Sequence[Prompt]) -> PlanRecord:
    device = device_name(str(resolve_device(recipe.model.device)))
    size = model_size(recipe.model.path, recipe.model.revision)
    work = Workload(
        prompts=len(prompts),
        problems=len(load_problems(recipe.evaluation)),
        prompt_tokens=sum(len(prompt.token_ids) for prompt in prompts) / len(prompts),
        completion_tokens=mean_completion(recipe.sampling.max_new_tokens),
    ).of(systems_of(recipe.evaluation, recipe.sampling.decoding))
    made = estimate(recipe, size, sheet_of(device), 1, work, known=all_measured(), device=device)
    stages: dict[str, Predicted] = {
        stage.name: {"tokens": round(stage.tokens), "seconds": round(3600 * stage.gpu_hours, 1), "by": stage.source}
        for stage in made.stages
    }
    return {"device": device, "parameters": size.active, "stages": stages}
