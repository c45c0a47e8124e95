"""Arms of an experiment: runs of one recipe with some keys changed, finished one after the other, in one table.

What an arm changes is written in a YAML file, or in a table of ours (`method_baselines`). Arms that share samples, a
student or the base's scores take them from each other. The table is written anew after every arm, so a machine that is
only there for minutes leaves finished arms behind, and the same command continues.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from selfdistill.directory import RunDirectory
from selfdistill.errors import UserError
from selfdistill.recipe.load import with_changes
from selfdistill.recipe.schema import Recipe
from selfdistill.recipe.text import read_yaml
from selfdistill.report.pages.arms import arms_page
from selfdistill.report.pages.page import Page
from selfdistill.report.results import Arms
from selfdistill.studies.arm_table import Row, summarise
from selfdistill.studies.cells import Cell
from selfdistill.studies.directory import StudyDirectory
from selfdistill.studies.execute import execute
from selfdistill.studies.lists import names
from selfdistill.studies.publish import publish

KEYS = {"title", "needs", "set"}
"""What an arm has in a file."""


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


def run_arms(
    planned: Sequence[Cell], out: Path, *, jobs: int, after: Callable[[Sequence[str]], None]
) -> dict[str, RunDirectory]:
    """Run each cell to its end before the next begins; with several jobs, as many at a time.

    Args:
        planned: in the order in which they are run.
        out: holds a run directory a cell.
        jobs: cells at the same time.
        after: called with the names of the cells that are finished so far, whenever there are more.

    Raises:
        UserError: a mistake in a recipe, its data or the machine's set-up.
    """
    directories: dict[str, RunDirectory] = {}
    for end in range(jobs, len(planned) + jobs, jobs):
        ready = planned[:end]  # the finished ones too: the next take samples and scores from them
        directories = execute(ready, out, jobs=jobs)
        after([cell.name for cell in ready])
    return directories


def study(recipe: Recipe, out: Path, *, seeds: int, jobs: int, arms: str, only: str) -> tuple[Arms, Page]:
    """Run what is missing, and sum it up: see `cli.study.Study`."""
    given = read_arms(Path(arms))
    rows = chosen(given, names(only), "--only") if only else given
    each = range(seeds)
    planned = cells_of(recipe, rows, each, arms)

    def table(finished: Sequence[str]) -> tuple[Arms, Page]:
        runs = {
            name: {seed: StudyDirectory(out).run(cell) for seed in each if (cell := cell_name(name, seed)) in finished}
            for name in rows
        }
        found = [Row(name, rows[name].title, rows[name].needs, of) for name, of in runs.items() if of]
        summary = summarise(recipe, found)
        return summary, arms_page(summary, "Arms of an experiment")

    def write(finished: Sequence[str]) -> None:
        publish("arms", *table(finished), out)

    run_arms(planned, out, jobs=jobs, after=write)
    return table([cell.name for cell in planned])


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
    return Arm(str(value.get("title", name)), str(value.get("needs", "nothing")), value.get("set", {}))
