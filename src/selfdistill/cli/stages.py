"""`selfdistill sample | train | evaluate | report`: one stage of a run directory, from where it stands."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

import selfdistill
from selfdistill.cli.options import DirectoryArgument, GridOption, SetOption
from selfdistill.cli.result import print_result
from selfdistill.directory import RunDirectory, exclusive
from selfdistill.libraries import quiet_libraries
from selfdistill.recipe.load import load_recipe, with_whole_grid
from selfdistill.recipe.schema import Recipe
from selfdistill.run.mirror import push as mirror_run
from selfdistill.run.own_recipe import read_recipe


def sample(
    directory: DirectoryArgument,
    recipe: Annotated[
        str | None, typer.Option("--recipe", metavar="RECIPE", help="Begins a run; not needed for one that exists.")
    ] = None,
    overrides: SetOption = None,
) -> None:
    """Step 1: sample from the frozen base. With --recipe it begins a new run in DIR.

    Examples:

      selfdistill sample runs/mine --recipe demo --set prompts.limit=500

      selfdistill sample runs/mine
    """
    given = load_recipe(recipe, overrides or ()) if recipe else None
    _stage(directory, "sample", given)


def train(directory: DirectoryArgument) -> None:
    """Step 2: fine-tune the base on its samples; resumes from the last checkpoint.

    Example:

      selfdistill train runs/mine
    """
    _stage(directory, "train")


def evaluate(directory: DirectoryArgument, grid: GridOption = False) -> None:
    """Step 3: decode base and student under every system, and grade the programs.

    Example:

      selfdistill evaluate runs/mine

      selfdistill evaluate runs/mine --grid
    """
    _stage(directory, "evaluate", with_whole_grid(read_recipe(RunDirectory(directory))) if grid else None)


def report(directory: DirectoryArgument) -> None:
    """Write summary.json and report.html, and print the table.

    Example:

      selfdistill report runs/mine
    """
    run = RunDirectory(directory)
    recipe = read_recipe(run)  # a mistake shows before what takes seconds to import
    from selfdistill.run import reporting

    reporting.write_report(run)
    mirror_run(recipe.storage, run)
    print_result(directory)


def _stage(path: Path, name: str, given: Recipe | None = None) -> None:
    recipe = given or read_recipe(RunDirectory(path))  # a mistake shows before what takes seconds to import
    quiet_libraries()
    from selfdistill.run import start

    if given is not None:
        start.check_recipe(given)
    directory = start.begin(recipe, path)
    work: Callable[[Recipe, RunDirectory], None] = getattr(selfdistill, name)
    with exclusive(directory):
        work(recipe, directory)
