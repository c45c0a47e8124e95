"""`selfdistill demo` and `selfdistill run`: the whole loop."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from selfdistill.cli.init import recipe_for
from selfdistill.cli.options import GridOption, OutOption, RecipeArgument, SetOption, run_directory
from selfdistill.cli.result import print_result
from selfdistill.libraries import quiet_libraries

if TYPE_CHECKING:
    from selfdistill.recipe import Recipe


def demo(
    out: OutOption = None,
    seed: Annotated[int, typer.Option(min=0, help="Every random draw comes from it.")] = 0,
    lint: Annotated[
        bool, typer.Option("--lint", help="Leave out the samples in which ruff finds a fault: not SSD on raw samples.")
    ] = False,
) -> None:
    """Run the whole loop on the embedded model and problems: minutes on a laptop.

    With --lint the student goes beyond the base's best decoding; on raw samples that is not shown (docs/LOG.md).

    Examples:

      selfdistill demo

      selfdistill demo --lint --seed 1 --out runs/second
    """
    from selfdistill.recipe import load_recipe

    # Hard targets: only drawn tokens know of the filter.
    filtered = ["name=demo-lint", "training.keep=lint", "training.targets=hard"] if lint else []
    run_recipe(load_recipe("demo", [f"seed={seed}", *filtered]), out)


def run(recipe: RecipeArgument, overrides: SetOption = None, out: OutOption = None, grid: GridOption = False) -> None:
    """Run a recipe: sample, train, evaluate, report. The same command resumes a run that was stopped.

    For a model's directory or hub id a recipe is written first, as by `selfdistill init`.

    Examples:

      selfdistill run demo --set prompts.limit=1000 --out runs/small

      selfdistill run my-recipe.yaml --set model.path=./my-model --grid
    """
    from selfdistill.recipe import load_recipe, with_whole_grid

    given = load_recipe(recipe_for(recipe, out), overrides or ())
    run_recipe(with_whole_grid(given) if grid else given, out)


def run_recipe(recipe: Recipe, out: Path | None) -> None:
    """Run all stages, then print the table and where the report is; or all rounds, where the recipe has several."""
    quiet_libraries()
    if recipe.rounds.count > 1:
        from selfdistill.cli.rounds import run_all

        run_all([recipe], run_directory(out, recipe.name, recipe.seed))
        return
    from selfdistill.run import pipeline as loop

    directory = loop.run_recipe(recipe, run_directory(out, recipe.name, recipe.seed))
    print_result(directory.root)
