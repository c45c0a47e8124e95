"""An arm of an experiment: which keys of the recipe it changes, and the runs that this makes.

Arms are written in a YAML file, or in a table of ours (`method_baselines`). Runs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from selfdistill.errors import UserError
from selfdistill.recipe.load import with_changes
from selfdistill.recipe.schema import Recipe
from selfdistill.recipe.text import read_yaml
from selfdistill.studies.cells import Cell

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
