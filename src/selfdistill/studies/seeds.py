"""The same recipe under several seeds: is the gain the method's, or one lucky draw's?

Reads finished run directories of one recipe; the seed draws prompts' subset, samples, training order and evaluation
alike. Differences are paired by problem, per seed and pooled over seeds (`statistics.across_seeds`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from selfdistill.directory import RunDirectory
from selfdistill.errors import UserError
from selfdistill.measure.comparisons import find
from selfdistill.measure.scores import ScoreTables
from selfdistill.measure.statistics import SeedSummary, across_seeds, means
from selfdistill.measure.words import number, point_interval
from selfdistill.run.manifest import read_manifest
from selfdistill.steps.evaluation.systems import Role, System
from selfdistill.studies.scores import read_runs

_ROLES: dict[Role, str] = {
    "default": "default",
    "sampling": "sampling settings",
    "preview": "ideal-fit preview",
}


@dataclass(frozen=True, slots=True)
class Pair:
    """What is compared."""

    title: str
    student: System
    base: System


def summarise_seeds(runs: Sequence[Path]) -> dict[str, Any]:
    """Scores of every system averaged over seeds, and the paired differences that matter.

    Args:
        runs: finished run directories that differ in their seed alone.

    Raises:
        UserError: a run is not finished, or the runs do not have the same systems and problems.
    """
    directories = {number: RunDirectory(run) for number, run in enumerate(runs)}
    recipes = [read_manifest(directory)["recipe"] for directory in directories.values()]
    found = list(read_runs(directories, recipes[0]["evaluation"]["pass_at"]).values())
    first = found[0]
    for each in found:
        if each.systems != first.systems:
            raise UserError("compares other systems than the first run", where=each.root, fix="use runs of one recipe")
    columns = {measure: [means(each.tables[measure]).tolist() for each in found] for measure in first.tables}
    return {
        "name": recipes[0]["name"],
        "seeds": [recipe["seed"] for recipe in recipes],
        "problems": len(first.task_ids),
        "systems": {
            system.title: {
                measure: [round(values[column], 6) for values in per_seed] for measure, per_seed in columns.items()
            }
            for column, system in enumerate(first.systems)
        },
        "comparisons": [
            {
                "title": pair.title,
                "student": pair.student.name,
                "base": pair.base.name,
                **{measure: asdict(_difference(found, measure, pair)) for measure in first.tables},
            }
            for pair in pairs(first.systems)
        ],
    }


def pairs(systems: Sequence[System]) -> list[Pair]:
    """The comparisons that are fixed before any result is seen: default, greedy, preview, sampling, equal decodings."""
    fixed = []
    student = find(systems, "student", "default")
    assert student is not None
    for role, title in _ROLES.items():
        base = find(systems, "base", role)
        if base is not None:
            fixed.append(Pair(f"student at its default - base, {title}", systems[student], systems[base]))
    by_stages = {system.stages: system for system in systems if system.model == "base"}
    for system in systems:
        same = by_stages.get(system.stages)
        if system.model == "student" and same is not None:
            fixed.append(Pair(f"student - base, both {same.title.removeprefix('base, ')}", system, same))
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


def _difference(found: Sequence[ScoreTables], measure: str, pair: Pair) -> SeedSummary:
    gains = [each.of(pair.student)[measure] - each.of(pair.base)[measure] for each in found]
    return across_seeds(gains, 0, "seeds", measure)
