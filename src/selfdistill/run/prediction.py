"""A run's plan beside what came of it: the manifest's `plan`, and what later plans learn from it.

None of this may stop a run: whatever goes wrong here is passed over.
"""

from __future__ import annotations

import contextlib
import os
import platform
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from selfdistill.files import read_json
from selfdistill.models.load import resolve_device
from selfdistill.plan.estimate import estimate
from selfdistill.plan.gpus import gpu_named
from selfdistill.plan.measured import LONG_ENOUGH, Measured, all_measured, append, remember
from selfdistill.plan.model import model_size
from selfdistill.plan.workload import Workload
from selfdistill.problems.evaluation import load_problems
from selfdistill.run.manifest import read_manifest, update_manifest
from selfdistill.steps.evaluation.evaluate import systems_of

if TYPE_CHECKING:
    from selfdistill.directory import RunDirectory
    from selfdistill.recipe import Recipe
    from selfdistill.records import Prompt

INTERRUPTED = 60.0
"""Seconds of a run's age beyond which stages that do not account for it were interrupted: their rates mean nothing."""


def device_name(device: str) -> str:
    """`cpu (PROCESSOR, N threads)`, `mps`, or the GPU's name."""
    import torch

    if device.startswith("cuda"):
        return torch.cuda.get_device_name(torch.device(device))
    return f"cpu ({_processor()}, {torch.get_num_threads()} threads)" if device == "cpu" else device


def predict(recipe: Recipe, directory: RunDirectory, prompts: Sequence[Prompt]) -> None:
    """Write the prediction of a run that begins into its manifest."""
    with contextlib.suppress(Exception):
        update_manifest(directory, "plan", _prediction(recipe, prompts))


def note(directory: RunDirectory, stage: str, record: dict[str, Any], *, first: bool) -> None:
    """A stage is finished: put its seconds beside the prediction, and keep its throughput for later plans.

    Args:
        directory: of the run; its manifest has the stage already.
        stage: its name in the manifest.
        record: its seconds, tokens and engine.
        first: nothing of the stage was finished before.
    """
    with contextlib.suppress(Exception):
        _note(directory, stage, record, first)


def _note(directory: RunDirectory, stage: str, record: dict[str, Any], first: bool) -> None:
    manifest = read_manifest(directory)
    plan = manifest.get("plan")
    if not plan:
        return
    kind = stage.partition(" ")[0]
    if kind in plan["stages"]:
        plan = {**plan, **_outcome(plan["stages"], manifest["stages"])}
        update_manifest(directory, "plan", plan)
    if _interrupted(manifest):
        return
    path = _path(kind, record, manifest["recipe"])
    if path and first and record["seconds"] >= LONG_ENOUGH:
        tokens = _trained(directory, record, manifest["recipe"]) if kind == "train" else record["tokens"]
        source = f"measured here by a run, {date.today().isoformat()}"
        rate = tokens / record["seconds"] / record.get("processes", 1)
        remember(Measured(plan["device"], path, plan["parameters"], rate, source))
    if stage == "grade" and plan.get("actual"):
        predicted = {name: each["seconds"] for name, each in plan["stages"].items()}
        facts = {"device": plan["device"], "predicted": predicted, "actual": plan["actual"]}
        append({"run": directory.root.name, **facts})


def _prediction(recipe: Recipe, prompts: Sequence[Prompt]) -> dict[str, Any]:
    device = device_name(str(resolve_device(recipe.model.device)))
    size = model_size(recipe.model.path, recipe.model.revision)
    work = Workload(
        prompts=len(prompts),
        problems=len(load_problems(recipe.evaluation)),
        systems=len(systems_of(recipe.evaluation, recipe.sampling.decoding)),
        prompt_tokens=sum(len(prompt.token_ids) for prompt in prompts) / len(prompts),
        completion_tokens=min(4000, recipe.sampling.max_new_tokens / 2),
    )
    made = estimate(recipe, size, gpu_named(device), 1, work, known=all_measured(), device=device)
    stages = {
        stage.name: {"tokens": round(stage.tokens), "seconds": round(3600 * stage.gpu_hours, 1), "by": stage.source}
        for stage in made.stages
    }
    return {"device": device, "parameters": size.active, "stages": stages}


def _outcome(predicted: dict[str, Any], stages: dict[str, Any]) -> dict[str, Any]:
    """Actual seconds of the stages that are there, and the prediction's error as a share of them."""
    actual: dict[str, float] = {}
    for name, record in stages.items():
        kind = name.partition(" ")[0]
        if kind in predicted:
            actual[kind] = round(actual.get(kind, 0.0) + record["seconds"], 3)
    error = {name: round(predicted[name]["seconds"] / seconds - 1, 3) for name, seconds in actual.items() if seconds}
    return {"actual": actual, "error": error}


def _interrupted(manifest: dict[str, Any]) -> bool:
    age = (datetime.now(UTC) - datetime.fromisoformat(manifest["created"])).total_seconds()
    known = sum(record["seconds"] for record in manifest["stages"].values())
    return age - known > max(INTERRUPTED, 0.2 * age)


def _path(kind: str, record: dict[str, Any], recipe: dict[str, Any]) -> str | None:
    """What `Measured.path` the stage is; None for stages that say nothing."""
    if kind == "train":
        return f"training {recipe['training']['method']} {recipe['training']['targets']}"
    if kind in ("sample", "evaluate") and record.get("tokens") and record.get("engine") and not recipe["cluster"]:
        return f"{'sampling' if kind == 'sample' else 'evaluation'} {record['engine']}"
    return None


def _trained(directory: RunDirectory, record: dict[str, Any], recipe: dict[str, Any]) -> float:
    """Tokens of all passes: the record has those of one."""
    settings = recipe["training"]
    if settings["epochs"]:
        return float(record["tokens"] * settings["epochs"])
    sequences = read_json(directory.training_data)["sequences"]
    return float(record["steps"] * settings["batch_size"] * record["tokens"] / sequences)


def _processor() -> str:
    """The processor's own name, where the system tells it."""
    with contextlib.suppress(OSError), open("/proc/cpuinfo", encoding="utf-8") as file:  # noqa: PTH123
        for line in file:
            if line.startswith("model name"):
                return f"{line.partition(':')[2].strip()}, {os.cpu_count()} cores"
    return platform.processor() or platform.machine()
