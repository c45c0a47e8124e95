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
from selfdistill.measure.scores import Scores, ScoreTables, read_paired
from selfdistill.recipe.load import parse_recipe
from selfdistill.recipe.schema import Recipe
from selfdistill.report.pages.method_baselines import method_baselines_page
from selfdistill.report.pages.page import Page
from selfdistill.report.results import Best, Cost, MethodBaselines, MethodRow
from selfdistill.run import stages, start
from selfdistill.run.manifest import finished
from selfdistill.steps.evaluation.systems import System
from selfdistill.studies import share
from selfdistill.studies.cells import Cell
from selfdistill.studies.directory import StudyDirectory
from selfdistill.studies.execute import execute
from selfdistill.studies.lists import names
from selfdistill.studies.rounds import round_recipe
from selfdistill.studies.scores import best_scores, differences, greedy_gain, over_seeds

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
        "self-training, T 0.8, untruncated",
        "nothing",
        {**_HARD, "sampling": {"decoding": {"temperature": 0.8}}},
    ),
    "shuffled": Method("shuffled samples (a control)", "nothing", {"training": {"targets": "hard", "shuffled": True}}),
    "compiles": Method(
        "only samples that compile", "a compiler", {"training": {"targets": "hard", "keep": "compiles"}}
    ),
    "lint": Method("only samples without lint", "ruff", {"training": {"targets": "hard", "keep": "lint"}}),
    "agreement": Method(
        "only samples that agree",
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
    return [Cell(cell_name(name, seed), _recipe(recipe, name, seed)) for seed in seeds for name in methods]


def cell_name(method: str, seed: int) -> str:
    """The run's directory in the study's."""
    return f"{method}-seed-{seed}"


def resample(cell: Cell, out: Path) -> None:
    """Train a student on samples of the weights being trained, and put it into the cell's run directory.

    Raises:
        UserError: the recipe has too few prompts for the rounds.
    """
    recipe = cell.recipe
    whole = start.begin(recipe, StudyDirectory(out).run(cell.name).root)
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
        directory = start.begin(each, _parts(whole) / f"part-{number}")
        with exclusive(directory):
            stages.sample(each, directory)
            stages.train(each, directory)
        done.append(directory.root)
    last = RunDirectory(done[-1])
    share.take_samples(last, whole, targets=False)
    share.take_student(last, whole)


def summarise(recipe: Recipe, methods: Sequence[str], seeds: Sequence[int], out: Path) -> MethodBaselines:
    """Scores, gains and seconds of every method; `method-baselines.json`."""
    directories = {(m, s): StudyDirectory(out).run(cell_name(m, s)) for m in methods for s in seeds}
    runs = read_paired(directories, recipe.evaluation.pass_at)
    measures = [f"pass@{k}" for k in recipe.evaluation.pass_at]
    first = [runs[methods[0], seed] for seed in seeds]
    bases = [run.default("base") for run in first]
    rivals = {m: best_scores(first, "base", m) for m in measures}
    rows: list[MethodRow] = []
    for name in methods:
        own = [runs[name, seed] for seed in seeds]
        students = [run.default("student") for run in own]
        cost = _cost([directories[name, seed] for seed in seeds])
        row: MethodRow = {
            "method": name,
            "title": METHODS[name].title,
            "uses": METHODS[name].uses,
            "scores": over_seeds(students),
            "gain": differences(students, bases),
            "greedy_gain": greedy_gain(own, first),
            "best": {m: _best_against_best(own, rivals[m], m) for m in measures},
            "sequences": cost["sequences"],
            "sampling_seconds": cost["sampling_seconds"],
            "training_seconds": cost["training_seconds"],
        }
        if "ssd" in methods and name != "ssd":
            ssd = [runs["ssd", seed].default("student") for seed in seeds]
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


def _best_against_best(runs: Sequence[ScoreTables], rival: tuple[System, list[Scores]], measure: str) -> Best:
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


def _cost(directories: Sequence[RunDirectory]) -> Cost:
    """Means over seeds: sequences trained on, seconds of sampling, of training (a verifier's time is in it)."""
    found = [_one_cost(directory) for directory in directories]
    return {
        "sequences": sum(each["sequences"] for each in found) / len(found),
        "sampling_seconds": sum(each["sampling_seconds"] for each in found) / len(found),
        "training_seconds": sum(each["training_seconds"] for each in found) / len(found),
    }


def _one_cost(directory: RunDirectory) -> Cost:
    parts = [RunDirectory(root) for root in sorted(_parts(directory).glob("part-*"))] or [directory]
    records = [read_json(part.manifest)["stages"] for part in parts]
    data = [read_json(part.training_data)["sequences"] for part in parts]
    return {
        "sequences": sum(data),
        "sampling_seconds": sum(record["sample"]["seconds"] for record in records),
        "training_seconds": sum(
            record[stage]["seconds"] for record in records for stage in _IN_TRAINING & record.keys()
        ),
    }


def study(recipe: Recipe, out: Path, *, seeds: int, jobs: int, methods: str) -> tuple[MethodBaselines, Page]:
    """Run what is missing, and sum it up: see `cli.table.Study`."""
    chosen, each = names(methods), list(range(seeds))
    planned = cells(recipe, chosen, each)
    for cell in planned:
        if cell.name.startswith("online-"):
            resample(cell, out)
    execute(planned, out, jobs=jobs)
    summary = summarise(recipe, chosen, each, out)
    return summary, method_baselines_page(summary)


def _parts(directory: RunDirectory) -> Path:
    """Holds the rounds of an online run."""
    return directory.root.with_name(f"{directory.root.name}-parts")
