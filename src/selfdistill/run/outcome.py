"""What came of a run's plan: the manifest's `plan`, and what later plans learn from it.

None of this may stop a run: whatever goes wrong here is passed over.
"""

from __future__ import annotations

import contextlib
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from selfdistill.files import read_json
from selfdistill.plan.measured import LONG_ENOUGH, Measured, append, remember
from selfdistill.run.manifest import read_manifest, update_manifest
from selfdistill.run.recorded import Manifest, PlanRecord, StageRecord

if TYPE_CHECKING:
    from selfdistill.directory import RunDirectory

INTERRUPTED = 60.0
"""Seconds of a run's age beyond which stages that do not account for it were interrupted: their rates mean nothing."""


def note(directory: RunDirectory, stage: str, record: StageRecord, *, first: bool) -> None:
    """A stage is finished: put its seconds beside the prediction, and keep its throughput for later plans.

    Args:
        directory: of the run; its manifest has the stage already.
        stage: its name in the manifest.
        record: its seconds, tokens and engine.
        first: nothing of the stage was finished before.
    """
    with contextlib.suppress(Exception):
        _note(directory, stage, record, first)


def _note(directory: RunDirectory, stage: str, record: StageRecord, first: bool) -> None:
    manifest = read_manifest(directory)
    plan = manifest.get("plan")
    if not plan:
        return
    kind = stage.partition(" ")[0]
    if kind in plan["stages"]:
        plan = _with_outcome(plan, manifest["stages"])
        update_manifest(directory, "plan", plan)
    if _interrupted(manifest):
        return
    path = _path(kind, record, manifest["recipe"])
    if path and first and record["seconds"] >= LONG_ENOUGH:
        tokens = _trained(directory, record, manifest["recipe"]) if kind == "train" else record["tokens"]
        source = f"measured here by a run, {date.today().isoformat()}"
        rate = tokens / _own_seconds(record) / record.get("processes", 1)
        waited = round(record.get("waited_seconds", 0.0) / record["seconds"], 3)
        remember(Measured(plan["device"], path, plan["parameters"], rate, source, waited))
    if stage == "grade" and plan.get("actual"):
        predicted = {name: each["seconds"] for name, each in plan["stages"].items()}
        facts = {"device": plan["device"], "predicted": predicted, "actual": plan["actual"], "waited": plan["waited"]}
        append({"run": directory.root.name, **facts})


def _with_outcome(plan: PlanRecord, stages: dict[str, StageRecord]) -> PlanRecord:
    """The plan with what came of it, for the stages that are there: actual seconds, those of them that were spent
    waiting for a processor, and the prediction's error as a share of the rest."""
    predicted, actual, waited = plan["stages"], dict[str, float](), dict[str, float]()
    for name, record in stages.items():
        kind = name.partition(" ")[0]
        if kind in predicted:
            actual[kind] = round(actual.get(kind, 0.0) + record["seconds"], 3)
            waited[kind] = round(waited.get(kind, 0.0) + record.get("waited_seconds", 0.0), 3)
    own = {name: seconds - waited[name] for name, seconds in actual.items()}
    error = {name: round(predicted[name]["seconds"] / seconds - 1, 3) for name, seconds in own.items() if seconds > 0}
    return {**plan, "actual": actual, "waited": waited, "error": error}


def _own_seconds(record: StageRecord) -> float:
    """Of a stage, without those in which other work had the processor."""
    return max(record["seconds"] - record.get("waited_seconds", 0.0), 0.05 * record["seconds"])


def _interrupted(manifest: Manifest) -> bool:
    age = (datetime.now(UTC) - datetime.fromisoformat(manifest["created"])).total_seconds()
    known = sum(record["seconds"] for record in manifest["stages"].values())
    return age - known > max(INTERRUPTED, 0.2 * age)


def _path(kind: str, record: StageRecord, recipe: dict[str, Any]) -> str | None:
    """What `Measured.path` the stage is; None for stages that say nothing."""
    if kind == "train":
        return f"training {recipe['training']['method']} {recipe['training']['targets']}"
    if kind in ("sample", "evaluate") and record.get("tokens") and record.get("engine") and not recipe["cluster"]:
        return f"{'sampling' if kind == 'sample' else 'evaluation'} {record['engine']}"
    return None


def _trained(directory: RunDirectory, record: StageRecord, recipe: dict[str, Any]) -> float:
    """Tokens of all passes: the record has those of one."""
    settings = recipe["training"]
    if settings["epochs"]:
        return float(record["tokens"] * settings["epochs"])
    sequences = read_json(directory.training_data)["sequences"]
    return float(record["steps"] * settings["batch_size"] * record["tokens"] / sequences)
