"""Contamination of a run: its prompts and samples against its benchmark, and contamination.json, which holds it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selfdistill.files import write_json
from selfdistill.measure.contamination.check import compare, overlaps
from selfdistill.measure.contamination.records import Part
from selfdistill.measure.contamination.sources import (
    programs_of_run,
    prompts_of_run,
    samples_of_run,
    solutions,
    statements,
)
from selfdistill.problems.benchmarks import load_problems
from selfdistill.recipe.contamination import ContaminationSettings
from selfdistill.records import Problem

if TYPE_CHECKING:
    from selfdistill.directory import RunDirectory
    from selfdistill.recipe.evaluation import EvaluationSettings

FORMAT = 1


def compare_run(
    directory: RunDirectory,
    problems: Sequence[Problem],
    settings: ContaminationSettings,
    progress: Callable[[int], None] | None = None,
) -> list[Part]:
    """Prompts with statements; samples, where there are any, with statements and with the solutions that are known."""
    asked, solved = statements(problems), solutions(problems)
    parts = [compare(prompts_of_run(directory), asked, settings, progress=progress)]
    if directory.samples.is_file():
        names = ("samples", "statements")
        parts.append(compare(samples_of_run(directory), asked, settings, names=names, progress=progress))
        if solved:
            names = ("samples", "solutions")
            parts.append(compare(programs_of_run(directory), solved, settings, names=names, progress=progress))
    return parts


def write_contamination(path: Path, benchmark: str, settings: ContaminationSettings, parts: Sequence[Part]) -> None:
    """Write contamination.json whole."""
    write_json(path, contamination_json(benchmark, settings, parts))


def contamination_json(benchmark: str, settings: ContaminationSettings, parts: Sequence[Part]) -> dict[str, Any]:
    """The content of contamination.json; docs/formats.md describes it."""
    return {
        "format": FORMAT,
        "benchmark": benchmark,
        "settings": settings.model_dump(mode="json", exclude={"check"}),
        "parts": [asdict(part) for part in parts],
    }


def prompt_filter(settings: ContaminationSettings, evaluation: EvaluationSettings) -> Callable[[str], bool] | None:
    """Whether a statement overlaps so that the recipe drops it; None where it drops none."""
    if settings.drop is None:
        return None

    return overlaps(statements(load_problems(evaluation)), settings)
