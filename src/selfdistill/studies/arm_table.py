"""The table of an experiment's arms: scores, gains and cost of each, on all problems and on each set among them.

An arm is compared with the base of its own seeds. A set is what the problems' ids have before their first "/":
`HumanEval/3` and `mbpp/11` in one benchmark file are two sets.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from selfdistill.directory import RunDirectory
from selfdistill.files import read_json
from selfdistill.measure.evaluated import describe
from selfdistill.measure.scores import ScoreTables
from selfdistill.recipe.schema import Recipe
from selfdistill.report.arm_results import ArmRow, Arms, ArmScores
from selfdistill.report.results import Best, Cost
from selfdistill.run.integrity import check
from selfdistill.run.manifest import read_manifest
from selfdistill.studies.scores import best_scores, differences, greedy_gain, greedy_scores, over_seeds, read_runs

_IN_TRAINING = {"agree", "train"}
"""Stages of a run that its training needs."""
Runs = Mapping[str, Mapping[int, ScoreTables]]
"""By arm and seed."""


@dataclass(frozen=True, slots=True)
class Row:
    """A finished arm."""

    name: str
    title: str
    needs: str
    runs: Mapping[int, RunDirectory]
    """By seed; those that are finished."""
    parts: Mapping[int, Sequence[Path]] | None = None
    """By seed, the runs that the student was made in, where they are not the arm's own."""


def summarise(recipe: Recipe, rows: Sequence[Row], reference: str | None = None) -> Arms:
    """Every arm's scores and cost; `arms.json`, `method-baselines.json`.

    Args:
        recipe: what all arms have in common.
        rows: the finished arms. All were evaluated on the same problems, under the same decodings.
        reference: the arm that the others are compared with, beside the base; by default the first.

    Raises:
        UserError: they were judged on different problems.
    """
    directories = {(row.name, seed): directory for row in rows for seed, directory in row.runs.items()}
    paired = read_runs(directories, recipe.evaluation.pass_at)
    runs = {row.name: {seed: paired[row.name, seed] for seed in row.runs} for row in rows}
    against = reference if reference in runs else rows[0].name
    task_ids = next(iter(paired.values())).task_ids
    sets = {name: _of_set(runs, name) for name in _sets(task_ids)}
    measures = [f"pass@{k}" for k in recipe.evaluation.pass_at]
    return {
        "name": recipe.name,
        "problems": len(task_ids),
        "measures": measures,
        "reference": next(row.title for row in rows if row.name == against),
        **arm_scores(runs, against, measures),
        "sets": {
            name: {"problems": len(next(iter(_all(found))).task_ids), **arm_scores(found, against, measures)}
            for name, found in (sets if len(sets) > 1 else {}).items()
        },
        "arms": [_row(row, runs[row.name]) for row in rows],
    }


def _row(row: Row, runs: Mapping[int, ScoreTables]) -> ArmRow:
    distinct = [_distinct(row.runs[seed], run) for seed, run in runs.items()]
    cost = [_cost((row.parts or {}).get(seed) or [directory.root]) for seed, directory in row.runs.items()]
    return {
        "arm": row.name,
        "title": row.title,
        "needs": row.needs,
        "seeds": sorted(runs),
        "distinct_programs": _mean(distinct),
        "sequences": _mean([each["sequences"] for each in cost]),
        "sampling_seconds": _mean([each["sampling_seconds"] for each in cost]),
        "training_seconds": _mean([each["training_seconds"] for each in cost]),
    }


def arm_scores(runs: Runs, against: str, measures: Sequence[str]) -> ArmScores:
    """The base at its default, greedy and at its best, and each arm beside it."""
    bases: dict[int, ScoreTables] = {}
    for own in runs.values():
        bases = {**own, **bases}  # the same base in every arm of a seed
    of_base = [bases[seed] for seed in sorted(bases)]
    greedy = [scores for run in of_base if (scores := greedy_scores(run, "base"))]
    best = {measure: best_scores(of_base, "base", measure) for measure in measures}
    found: ArmScores = {
        "base": over_seeds([run.default("base") for run in of_base]),
        "base_greedy": over_seeds(greedy) if len(greedy) == len(of_base) else None,
        "base_best": {m: {"title": system.title, **over_seeds(each)[m]} for m, (system, each) in best.items()},
        "students": {},
    }
    for name, own in runs.items():
        seeds = sorted(own)
        students = [own[seed].default("student") for seed in seeds]
        first = [bases[seed] for seed in seeds]
        own_runs = [own[seed] for seed in seeds]
        found["students"][name] = {
            "scores": over_seeds(students),
            "gain": differences(students, [run.default("base") for run in first]),
            "greedy_gain": greedy_gain(own_runs, first),
            "best": {measure: _best(own_runs, first, best[measure][0].name, measure) for measure in measures},
            "minus_reference": None,
        }
        if name != against and set(seeds) <= runs[against].keys():
            others = [runs[against][seed].default("student") for seed in seeds]
            found["students"][name]["minus_reference"] = differences(students, others)
    return found


def _best(runs: Sequence[ScoreTables], bases: Sequence[ScoreTables], rival: str, measure: str) -> Best:
    """The student's best decoding for a measure minus the base's, each the highest on these problems."""
    system, scores = best_scores(runs, "student", measure)
    against = [run.of(next(each for each in run.systems if each.name == rival)) for run in bases]
    return {
        "title": system.title,
        "score": over_seeds(scores)[measure],
        "minus_base_best": differences(scores, against)[measure],
    }


def _sets(task_ids: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(task_id.partition("/")[0] for task_id in task_ids))


def _of_set(runs: Runs, name: str) -> Runs:
    return {arm: {seed: _only(run, name) for seed, run in own.items()} for arm, own in runs.items()}


def _only(run: ScoreTables, name: str) -> ScoreTables:
    rows = np.array([task_id.partition("/")[0] == name for task_id in run.task_ids])
    task_ids = tuple(task_id for task_id, wanted in zip(run.task_ids, rows, strict=True) if wanted)
    return replace(run, task_ids=task_ids, tables={measure: table[rows] for measure, table in run.tables.items()})


def _all(runs: Runs) -> Iterable[ScoreTables]:
    return (run for own in runs.values() for run in own.values())


def _distinct(directory: RunDirectory, run: ScoreTables) -> float:
    """Different programs that the student wrote at its default decoding, as a share of all."""
    system = next(each for each in run.systems if each.model == "student" and "default" in each.roles)
    programs = describe(directory.system_samples(system.name))
    return programs.distinct / max(1, programs.count)


def _cost(parts: Sequence[Path]) -> Cost:
    """Sequences trained on, seconds of sampling, of training (a verifier's time is in it); summed over the parts."""
    directories = [RunDirectory(root) for root in parts]
    for directory in directories:
        check(directory, "training")
    records = [read_manifest(directory)["stages"] for directory in directories]
    return {
        "sequences": sum(read_json(directory.training_data)["sequences"] for directory in directories),
        "sampling_seconds": sum(record["sample"]["seconds"] for record in records),
        "training_seconds": sum(
            record[stage]["seconds"] for record in records for stage in _IN_TRAINING & record.keys()
        ),
    }


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
