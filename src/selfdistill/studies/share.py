"""Take finished work over from another run of the same study: hard links where the file system has them, else copies.

Only whole, finished files are taken over, and nothing appends to a finished file again.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from selfdistill.directory import RunDirectory
from selfdistill.run import integrity
from selfdistill.run.manifest import read_manifest, update_manifest
from selfdistill.steps.evaluation.systems import System


def take_prompts(source: RunDirectory, target: RunDirectory) -> None:
    """The prepared prompts."""
    _link(source.prompts, target.prompts)
    _link(source.prompt_counts, target.prompt_counts)
    integrity.take_parts(source, target, "prompts")


def take_samples(source: RunDirectory, target: RunDirectory, *, targets: bool) -> None:
    """The samples; soft targets where the target's recipe wants them; the inputs that the model wrote, if it did."""
    if targets:
        _link_tree(source.targets, target.targets)
    _link(source.input_samples, target.input_samples)
    _link(source.samples, target.samples)
    integrity.take_parts(source, target, "samples", "targets")
    _take_record(source, target, "sample")


def take_student(source: RunDirectory, target: RunDirectory) -> None:
    """The student, and how it was trained."""
    for name in ("training_data", "training_log", "sample_agreements"):
        _link(getattr(source, name), getattr(target, name))
    partial = target.student_partial
    shutil.rmtree(partial, ignore_errors=True)
    _link_tree(source.student, partial)
    # The card is written again with each run's own results: a link would change the other's.
    card = partial / source.student_card.name
    card.unlink(missing_ok=True)
    shutil.copyfile(source.student_card, card)
    partial.rename(target.student)
    integrity.take_parts(source, target, "training", "student")
    if source.sample_agreements.exists():
        _take_record(source, target, "agree")
    _take_record(source, target, "train")


def take_system(source: RunDirectory, target: RunDirectory, system: System, name: System | None = None) -> None:
    """One system's completions and verdicts.

    Args:
        source, target: the runs.
        system: of the source.
        name: what it is in the target; the same by default.
    """
    own = name or system
    _link(source.system_samples(system.name), target.system_samples(own.name))
    _link(source.system_verdicts(system.name), target.system_verdicts(own.name))
    integrity.take(
        source,
        target,
        {
            source.name_of(source.system_samples(system.name)): target.name_of(target.system_samples(own.name)),
            source.name_of(source.system_verdicts(system.name)): target.name_of(target.system_verdicts(own.name)),
        },
    )
    _take_record(source, target, f"evaluate {system.name}", f"evaluate {own.name}")


def _take_record(source: RunDirectory, target: RunDirectory, stage: str, name: str | None = None) -> None:
    """The stage's time and facts, marked as another run's."""
    stages = read_manifest(target)["stages"]
    record = {**read_manifest(source)["stages"].get(stage, {}), "shared": True}
    update_manifest(target, "stages", {**stages, name or stage: record})


def _link(source: Path, target: Path) -> None:
    if not source.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    partial.unlink(missing_ok=True)
    try:
        partial.hardlink_to(source)
    except OSError:  # another file system, or one without links
        shutil.copyfile(source, partial)
    partial.replace(target)


def _link_tree(source: Path, target: Path) -> None:
    for path in sorted(source.rglob("*")):
        if path.is_file():
            _link(path, target / path.relative_to(source))
