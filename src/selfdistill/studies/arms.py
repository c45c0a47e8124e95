"""Arms of an experiment: runs of one recipe with some keys changed, finished one after the other, in one table.

What an arm changes is written in a YAML file, or in a table of ours (`method_baselines`). Arms that share samples, a
student or the base's scores take them from each other. The table is written anew after every arm, so a machine that is
only there for minutes leaves finished arms behind, and the same command continues.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from selfdistill.directory import RunDirectory
from selfdistill.errors import UserError
from selfdistill.events import warn
from selfdistill.recipe.load import changed_keys, parse_recipe, with_changes
from selfdistill.recipe.schema import Recipe
from selfdistill.recipe.text import read_yaml
from selfdistill.report.arm_results import Arms
from selfdistill.report.pages.arms import arms_page
from selfdistill.report.pages.page import Page
from selfdistill.run.manifest import finished, read_manifest
from selfdistill.studies.arm_table import Row, summarise
from selfdistill.studies.cells import Cell, sample_key, train_key
from selfdistill.studies.directory import StudyDirectory
from selfdistill.studies.execute import execute
from selfdistill.studies.lists import names
from selfdistill.studies.publish import publish

KEYS = {"title", "needs", "set"}
"""What an arm has in a file."""
COMMON = {
    "model": "all arms are compared with one base",
    "evaluation": "all arms are compared on one evaluation",
    "seed": "`--seeds` says how many",
    "rounds": "`selfdistill rounds` runs several",
}
"""Sections that no arm of a file changes, and why."""


@dataclass(frozen=True, slots=True)
class Arm:
    """One row of the table."""

    title: str
    needs: str = "nothing"
    """Beside the model and the prompts."""
    changes: Mapping[str, Any] = field(default_factory=dict)
    """Values by dotted key; a value takes the place of the whole key."""


def read_arms(path: Path) -> dict[str, Arm]:
    """The arms of a file, by name, in its order.

    Raises:
        UserError: it cannot be read, or an arm is none; names the line.
    """
    tree, lines = read_yaml(path, "a file of arms")
    return {name: _arm(name, value, f"{path}:{lines.get(name, 1)}") for name, value in tree.items()}


def cells_of(recipe: Recipe, arms: Mapping[str, Arm], seeds: Sequence[int], where: str) -> list[Cell]:
    """One run an arm and seed, the first seed of all arms first.

    Raises:
        UserError: an arm changes a key that there is not, or to a value out of range; names the arm.
    """
    return [
        Cell(cell_name(name, seed), with_changes(recipe, {**arm.changes, "seed": seed}, f"{where}, arm {name}"))
        for seed in seeds
        for name, arm in arms.items()
    ]


def cell_name(arm: str, seed: int) -> str:
    """The run's directory in the study's."""
    return f"{arm}-seed-{seed}"


def chosen(arms: Mapping[str, Arm], wanted: Sequence[str], option: str) -> dict[str, Arm]:
    """The arms of these names, in the order of the names.

    Raises:
        UserError: there is no such arm.
    """
    unknown = [name for name in wanted if name not in arms]
    if unknown:
        raise UserError(f"{unknown[0]!r} is not among them", where=option, fix=f"choose from {', '.join(arms)}")
    return {name: arms[name] for name in wanted}


def study(recipe: Recipe, out: Path, *, seeds: int, jobs: int, arms: str, only: str) -> tuple[Arms, Page]:
    """Run what is missing, and sum up all that is finished: see `cli.table.Study`.

    Raises:
        UserError: a mistake in the arms; or, once the others are finished, some arm could not be run.
    """
    given = read_arms(Path(arms))
    wanted = {cell_name(name, seed) for name in chosen(given, names(only), "--only") or given for seed in range(seeds)}
    cells = cells_of(recipe, given, range(seeds), arms)
    done = [cell for cell in cells if _evaluated(cell, out)]
    left = [cell for cell in cells if cell.name in wanted and cell not in done]
    failed: list[str] = []
    found: tuple[Arms, Page] | None = None
    for begin in range(0, len(left), jobs):
        batch = left[begin : begin + jobs]
        try:
            execute([*_givers(done, batch), *batch], out, jobs=jobs)
        except UserError as error:  # an arm's own, e.g. a filter that leaves nothing: the next may do
            warn(f"{', '.join(cell.name for cell in batch)}: {error}")
            failed += [cell.name for cell in batch if not _evaluated(cell, out)]
        done += [cell for cell in batch if _evaluated(cell, out)]
        if done:
            found = _table(recipe, given, done, out)
            publish("arms", *found, out)
    if failed:
        raise UserError(
            f"could not be run: {', '.join(failed)}",
            where=arms,
            fix=f"the reasons stand above, and what is finished in {StudyDirectory(out).page('arms')}",
        )
    return found or _table(recipe, given, done, out)


def _givers(done: Sequence[Cell], batch: Sequence[Cell]) -> list[Cell]:
    """Those finished cells that a batch can take something from, each stage once: opening all of them takes time."""
    givers: dict[str, Cell] = {}
    for cell in batch:
        for key in (
            lambda each: each.recipe.seed,
            lambda each: sample_key(each.recipe),
            lambda each: train_key(each.recipe),
        ):
            same = [each for each in done if key(each) == key(cell)]
            with_targets = [each for each in same if each.recipe.training.stores_targets]
            givers |= {each.name: each for each in (*same[:1], *with_targets[:1])}
    return list(givers.values())


def _table(recipe: Recipe, arms: Mapping[str, Arm], done: Sequence[Cell], out: Path) -> tuple[Arms, Page]:
    seeds = {cell.name: cell.recipe.seed for cell in done}
    rows = [Row(name, arm.title, arm.needs, runs) for name, arm in arms.items() if (runs := _runs(name, seeds, out))]
    summary = summarise(recipe, rows)
    return summary, arms_page(summary, "Arms of an experiment")


def _runs(name: str, seeds: Mapping[str, int], out: Path) -> dict[int, RunDirectory]:
    """An arm's finished runs, by seed."""
    return {s: StudyDirectory(out).run(cell) for cell, s in seeds.items() if cell == cell_name(name, s)}


def _evaluated(cell: Cell, out: Path) -> bool:
    """Whether its run is finished, and was made with the same settings."""
    directory = StudyDirectory(out).run(cell.name)
    if not directory.manifest.is_file() or not finished(directory, "grade"):
        return False
    return not changed_keys(parse_recipe(read_manifest(directory)["recipe"], directory.manifest), cell.recipe)


def _arm(name: str, value: Any, where: str) -> Arm:
    if not isinstance(value, dict) or not isinstance(value.get("set", {}), dict):
        raise UserError(f"{name}: an arm is a mapping with `set: {{KEY: VALUE}}`", where=where)
    if more := value.keys() - KEYS:
        raise UserError(
            f"{name}: unknown key {min(more)}",
            where=where,
            fix=f"known keys: {', '.join(sorted(KEYS))}; recipe keys go below set",
        )
    if "/" in name or name.startswith("."):
        raise UserError(f"{name}: an arm's name is a directory's too", where=where, fix="leave out / and a leading dot")
    changes = value.get("set", {})
    for key in changes:
        if reason := COMMON.get(str(key).partition(".")[0]):
            raise UserError(f"{name}: an arm cannot change {key}: {reason}", where=where, fix="set it in the recipe")
    return Arm(str(value.get("title", name)), str(value.get("needs", "nothing")), changes)
