"""`selfdistill demo` and `selfdistill run`: the whole loop."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from selfdistill.cli.models import is_model, recipe_name
from selfdistill.cli.options import GridOption, OutOption, RecipeArgument, SetOption, run_directory
from selfdistill.events import warn
from selfdistill.libraries import quiet_libraries
from selfdistill.recipe.load import builtin_recipes, load_recipe, with_whole_grid
from selfdistill.recipe.one_card import known_models
from selfdistill.recipe.schema import Recipe


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
    given = load_recipe(recipe_for(recipe, out), overrides or ())
    run_recipe(with_whole_grid(given) if grid else given, out)


def recipe_for(source: str, out: Path | None) -> str:
    """What `run` runs: a recipe as it is; for a model the recipe that was written for it, or is now.

    Args:
        source: a built-in recipe's name, a YAML file, a model's directory or hub id.
        out: the run's directory, if the user gave one; the recipe is kept beside it, so that the same command resumes.
    """
    if source in known_models() and not Path(source).is_file():
        _say_where_there_is_no_gpu(source)
    if source in builtin_recipes() or Path(source).is_file() or not is_model(source):
        return source
    from selfdistill.cli.model_recipe import write_recipe

    quiet_libraries()
    name = recipe_name(source)
    path = out.with_name(f"{out.name}.yaml") if out else Path("runs") / f"{name}.yaml"
    if not path.is_file():
        write_recipe(source, path, (), "humaneval", None)
    print(f"recipe: {path}")
    return str(path)


def _say_where_there_is_no_gpu(name: str) -> None:
    """A recipe for one card would run for days without one."""
    import torch

    if not torch.accelerator.is_available():
        warn(f"{name} is fitted to a GPU of 24 GB, and none is here: selfdistill init {name} fits one to this machine")


def run_recipe(recipe: Recipe, out: Path | None) -> None:
    """Run all stages, then print the table and where the report is; or all rounds, where the recipe has several."""
    quiet_libraries()
    place = run_directory(out, recipe.name, recipe.seed)
    if recipe.rounds.count > 1:
        from selfdistill.cli.show import show
        from selfdistill.studies.rounds import study

        show("rounds", *study([recipe], place), place)
        return
    from selfdistill.cli.result import print_result
    from selfdistill.run import pipeline as loop

    print_result(loop.run_recipe(recipe, place).root)
