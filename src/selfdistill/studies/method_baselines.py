"""SSD beside related methods: same prompts, same number of samples, same training; a table with cost.

Each method is a cell: an ordinary run with some keys changed. Resampling from the weights being trained, which TRL's
SSDTrainer did, is approximated by rounds over an eighth of the prompts each: the weights that sample are never older
than one round.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from selfdistill.directory import RunDirectory, exclusive
from selfdistill.errors import UserError
from selfdistill.files import read_json
from selfdistill.measure.comparisons import find
from selfdistill.recipe.load import parse_recipe
from selfdistill.recipe.schema import Recipe
from selfdistill.report.pages.method_baselines import method_baselines_page
from selfdistill.report.pages.page import Page
from selfdistill.run import stages
from selfdistill.run.manifest import finished
from selfdistill.steps.evaluation.systems import System
from selfdistill.studies import share
from selfdistill.studies.cells import Cell
from selfdistill.studies.execute import execute
from selfdistill.studies.lists import names
from selfdistill.studies.rounds import round_recipe
from selfdistill.studies.scores import (
    Run,
    Scores,
    best_scores,
    differences,
    greedy_gain,
    over_seeds,
    read_run,
    same_problems,
)

Summary = dict[str, Any]
_IN_TRAINING = {"agree", "train"}
"""Stages of a run that its training needs."""
ONLINE_ROUNDS = 8
AGREEING_SAMPLES = 10
"""A prompt, of which one is trained on."""


@dataclass(frozen=True, slots=True)
class Method:
    """One row of the table."""

    title: str
    uses: str
    """What it needs beside the model and the prompts."""
    changes: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Keys by section."""


_HARD = {"training": {"targets": "hard"}}
METHODS = {
    "ssd": Method("SSD, hard targets (the paper's)", "nothing", _HARD),
    "soft": Method("SSD, soft targets", "nothing", {"training": {"targets": "soft"}}),
    "texts": Method(
        "soft targets on texts",
        "existing programs",
        {"training": {"targets": "soft"}, "sampling": {"source": "texts"}},
    ),
    "online": Method("online resampling", "nothing", {**_HARD, "rounds": {"count": ONLINE_ROUNDS, "prompts": "fresh"}}),
    "fixed-point": Method(
        "T 1 without truncation", "nothing", {**_HARD, "sampling": {"decoding": {"temperature": 1.0}}}
    ),
    "plain": Method(
        "plain self-training: T 0.8, no truncation",
        "nothing",
        {**_HARD, "sampling": {"decoding": {"temperature": 0.8}}},
    ),
    "shuffled": Method(
        "shuffled: another prompt’s sample, a control", "nothing", {"training": {"targets": "hard", "shuffled": True}}
    ),
    "compiles": Method(
        "only samples that compile", "a compiler", {"training": {"targets": "hard", "keep": "compiles"}}
    ),
    "lint": Method("only samples without lint", "ruff", {"training": {"targets": "hard", "keep": "lint"}}),
    "agreement": Method(
        "one of the largest group that agrees",
        f"{AGREEING_SAMPLES} samples a prompt, a sandbox",
        {
            "training": {"targets": "hard", "keep": "agreement"},
            "sampling": {"samples_per_prompt": AGREEING_SAMPLES},
        },
    ),
    "passing": Method(
        "only passing samples (ReST)", "a verifier", {"training": {"targets": "hard", "keep": "passing"}}
    ),
}


def cells(recipe: Recipe, methods: Sequence[str], seeds: Sequence[int]) -> list[Cell]:
    """One run a method and seed; `online` is made by `resample`.

    Raises:
        UserError: there is no such method.
    """
    unknown = [name for name in methods if name not in METHODS]
    if unknown:
        raise UserError(f"{unknown[0]!r} is no method", where="--methods", fix=f"choose from {', '.join(METHODS)}")
    return [Cell(f"{name}-seed-{seed}", _recipe(recipe, name, seed)) for seed in seeds for name in methods]


def resample(cell: Cell, out: Path) -> None:
    """Train a student on samples of the weights being trained, and put it into the cell's run directory.

    Raises:
        UserError: the recipe has too few prompts for the rounds.
    """
    recipe = cell.recipe
    whole = stages.begin(recipe, out / cell.name)
    if finished(whole, "train"):
        return
    limit = (recipe.prompts.limit or read_json(whole.prompt_counts)["kept"]) // ONLINE_ROUNDS
    if not limit:
        raise UserError(f"fewer than {ONLINE_ROUNDS} prompts", where="prompts.limit")
    done: list[Path] = []
    tree = recipe.model_dump(mode="json")
    tree["prompts"]["limit"] = limit
    for number in range(1, ONLINE_ROUNDS + 1):
        each = round_recipe(parse_recipe(tree, "rounds"), number, done)
        directory = stages.begin(each, out / f"{cell.name}-parts" / f"part-{number}")
        with exclusive(directory):
            stages.sample(each, directory)
            stages.train(each, directory)
        done.append(directory.root)
    last = RunDirectory(done[-1])
    share.take_samples(last, whole, targets=False)
    share.take_student(last, whole)


def summarise(recipe: Recipe, methods: Sequence[str], seeds: Sequence[int], out: Path) -> Summary:
    """Scores, gains and seconds of every method; `method-baselines.json`."""
    runs = {(m, s): read_run(out / f"{m}-seed-{s}", recipe.evaluation.pass_at) for m in methods for s in seeds}
    same_problems(list(runs.values()))
    measures = [f"pass@{k}" for k in recipe.evaluation.pass_at]
    first = [runs[methods[0], seed] for seed in seeds]
    bases = [_default(run, "base") for run in first]
    rivals = {m: best_scores(first, "base", m) for m in measures}
    rows = []
    for name in methods:
        own = [runs[name, seed] for seed in seeds]
        students = [_default(run, "student") for run in own]
        row: Summary = {
            "method": name,
            "title": METHODS[name].title,
            "uses": METHODS[name].uses,
            "scores": over_seeds(students),
            "gain": differences(students, bases),
            "greedy_gain": greedy_gain(own, first),
            "best": {m: _best_against_best(own, rivals[m], m) for m in measures},
            **_cost([out / f"{name}-seed-{seed}" for seed in seeds]),
        }
        if "ssd" in methods and name != "ssd":
            ssd = [_default(runs["ssd", seed], "student") for seed in seeds]
            row["minus_ssd"] = differences(students, ssd)
        rows.append(row)
    return {
        "name": recipe.name,
        "seeds": list(seeds),
        "problems": len(runs[methods[0], seeds[0]].task_ids),
        "measures": measures,
        "base": over_seeds(bases),
        "base_best": {m: {"title": rivals[m][0].title, **over_seeds(rivals[m][1])[m]} for m in measures},
        "methods": rows,
    }


def _best_against_best(runs: Sequence[Run], rival: tuple[System, list[Scores]], measure: str) -> Summary:
    """The student's best decoding for a measure minus the base's, each the highest on these problems."""
    system, scores = best_scores(runs, "student", measure)
    return {
        "title": system.title,
        "score": over_seeds(scores)[measure],
        "minus_base_best": differences(scores, rival[1])[measure],
    }


def _recipe(recipe: Recipe, name: str, seed: int) -> Recipe:
    tree = recipe.model_dump(mode="json")
    for section, values in METHODS[name].changes.items():
        tree[section] = {**tree[section], **values}
    tree["seed"] = seed
    return parse_recipe(tree, "--methods")


def _cost(roots: Sequence[Path]) -> Summary:
    """Means over seeds: sequences trained on, seconds of sampling, of training (a filter's time is in it)."""
    found = [_one_cost(root) for root in roots]
    return {key: sum(each[key] for each in found) / len(found) for key in found[0]}


def _one_cost(root: Path) -> Summary:
    parts = sorted(root.with_name(f"{root.name}-parts").glob("part-*")) or [root]
    records = [read_json(part / "manifest.json")["stages"] for part in parts]
    data = [read_json(part / "training-data.json")["sequences"] for part in parts]
    return {
        "sequences": sum(data),
        "sampling_seconds": sum(record["sample"]["seconds"] for record in records),
        "training_seconds": sum(
            record[stage]["seconds"] for record in records for stage in _IN_TRAINING & record.keys()
        ),
    }


def _default(run: Any, model: str) -> Any:
    return run.of(run.systems[find(run.systems, model, "default")])


def study(recipe: Recipe, out: Path, *, seeds: int, jobs: int, methods: str) -> tuple[Summary, Page]:
    """Run what is missing, and sum it up: see `cli.study.Study`."""
    chosen, each = names(methods), list(range(seeds))
    planned = cells(recipe, chosen, each)
    for cell in planned:
        if cell.name.startswith("online-"):
            resample(cell, out)
    execute(planned, out, jobs=jobs)
    summary = summarise(recipe, chosen, each, out)
    return summary, method_baselines_page(summary)
