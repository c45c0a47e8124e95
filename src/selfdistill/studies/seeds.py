"""The same recipe under several seeds: is the gain the method's, or one lucky draw's?

Reads finished run directories of one recipe; the seed draws prompts' subset, samples, training order and evaluation
alike. Differences are paired by problem, per seed and pooled over seeds (`statistics.across_seeds`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from selfdistill.errors import UserError
from selfdistill.files import read_json
from selfdistill.measure.comparisons import find
from selfdistill.measure.evaluated import read_evaluated, read_problems, read_systems
from selfdistill.measure.scores import score_tables
from selfdistill.measure.statistics import SeedSummary, across_seeds
from selfdistill.measure.words import number, point_interval
from selfdistill.steps.evaluation.systems import System

Pair = tuple[str, str, str]
"""What is compared, the student's system, the base's."""


def summarise_seeds(runs: Sequence[Path]) -> dict[str, Any]:
    """Scores of every system averaged over seeds, and the paired differences that matter.

    Args:
        runs: finished run directories that differ in their seed alone.

    Raises:
        UserError: a run is not finished, or the runs do not have the same systems and problems.
    """
    recipes = [read_json(run / "manifest.json")["recipe"] for run in runs]
    systems = read_systems(runs[0])
    tables = [_scores(run, recipes[0]["evaluation"]["pass_at"], systems) for run in runs]
    measures = list(tables[0])
    names = [system.name for system in systems]
    return {
        "name": recipes[0]["name"],
        "seeds": [recipe["seed"] for recipe in recipes],
        "problems": len(tables[0][measures[0]]),
        "systems": {
            system.title: {
                measure: [round(float(np.nanmean(table[measure][:, column])), 6) for table in tables]
                for measure in measures
            }
            for column, system in enumerate(systems)
        },
        "comparisons": [
            {
                "title": title,
                "student": student,
                "base": base,
                **{
                    measure: asdict(_difference(tables, measure, names.index(student), names.index(base)))
                    for measure in measures
                },
            }
            for title, student, base in pairs(systems)
        ],
    }


def pairs(systems: Sequence[System]) -> list[Pair]:
    """The comparisons that are fixed before any result is seen: default, greedy, preview, sampling, equal decodings."""
    fixed = []
    student = find(systems, "student", "default")
    assert student is not None
    for role, title in (("default", "default"), ("sampling", "sampling settings"), ("preview", "ideal-fit preview")):
        base = find(systems, "base", role)  # type: ignore[arg-type]
        if base is not None:
            fixed.append((f"student at its default - base, {title}", systems[student].name, systems[base].name))
    by_stages = {system.stages: system for system in systems if system.model == "base"}
    for system in systems:
        same = by_stages.get(system.stages)
        if system.model == "student" and same is not None:
            fixed.append((f"student - base, both {same.title.removeprefix('base, ')}", system.name, same.name))
    return fixed


def markdown(summary: dict[str, Any]) -> str:
    """Two tables: scores by system, averaged over seeds; differences with the seeds' own intervals."""
    measures = list(next(iter(summary["systems"].values())))
    seeds = ", ".join(map(str, summary["seeds"]))
    lines = [
        f"{summary['problems']} problems, seeds {seeds}; percent, mean over seeds (lowest to highest seed).",
        "",
        f"| system | {' | '.join(measures)} |",
        "|---" * (len(measures) + 1) + "|",
    ]
    for title, scores in summary["systems"].items():
        cells = [
            f"{number(100 * float(np.mean(values)))} ({number(100 * min(values))} to {number(100 * max(values))})"
            for values in (scores[measure] for measure in measures)
        ]
        lines.append(f"| {title} | {' | '.join(cells)} |")
    lines += [
        "",
        "Differences in percentage points, pooled over seeds, with paired 95 % intervals by problem.",
        "",
        f"| difference | {' | '.join(f'{measure} | seeds above zero' for measure in measures)} |",
        "|---" * (2 * len(measures) + 1) + "|",
    ]
    count = len(summary["seeds"])
    for row in summary["comparisons"]:
        cells = [f"{point_interval(row[m]['mean'])} | {row[m]['above_zero']} of {count}" for m in measures]
        lines.append(f"| {row['title']} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _scores(run: Path, pass_at: Sequence[int], systems: Sequence[System]) -> dict[str, np.ndarray]:
    if read_systems(run) != list(systems):
        raise UserError("compares other systems than the first run", where=run, fix="use runs of one recipe")
    problems = read_problems(run)
    return score_tables([read_evaluated(run, system, problems) for system in systems], pass_at)


def _difference(tables: Sequence[dict[str, np.ndarray]], measure: str, student: int, base: int) -> SeedSummary:
    differences = [table[measure][:, student] - table[measure][:, base] for table in tables]
    if len({len(difference) for difference in differences}) > 1:
        raise UserError("the runs have different problems", fix="leave evaluation.limit unset or the same")
    return across_seeds(differences, 0, "seeds", measure)
