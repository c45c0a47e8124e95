"""`selfdistill sweep`: a grid over T_train, truncation and T_eval."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from selfdistill.cli.options import JobsOption, RecipeArgument, SeedsOption, SetOption
from selfdistill.cli.show import show
from selfdistill.libraries import quiet_libraries
from selfdistill.recipe.evaluation import WHOLE_GRID
from selfdistill.recipe.load import load_recipe
from selfdistill.report.pages.sweep import sweep_page
from selfdistill.studies.execute import execute
from selfdistill.studies.grid import Grid, Truncation
from selfdistill.studies.lists import numbers, truncations
from selfdistill.studies.sweep import cells, summarise


def sweep(
    recipe: RecipeArgument,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Holds the runs, sweep.json and sweep.html.")],
    t_train: Annotated[str, typer.Option("--t-train", metavar="LIST", help="Temperatures of sampling.")] = "",
    truncation: Annotated[
        str, typer.Option("--truncation", metavar="LIST", help="TOP_K/TOP_P of sampling; 0/1 is none.")
    ] = "",
    t_eval: Annotated[
        str, typer.Option("--t-eval", metavar="LIST", help="Temperatures of decoding; 0 is greedy.")
    ] = "",
    seeds: SeedsOption = 1,
    jobs: JobsOption = 1,
    overrides: SetOption = None,
) -> None:
    """Train and evaluate over a grid; samples, students and the base's scores are shared. The same command resumes.

    What is left out comes from the recipe. Choose settings on other problems than those that you report: for the
    embedded ones, with evaluation.split=validation.

    Example:

      selfdistill sweep demo --t-train 0.5,0.7,1.0 --truncation 20/0.8,0/1 --t-eval 0,0.7,1.0 --out runs/sweep
    """
    given = load_recipe(recipe, overrides or ())
    sampling = given.sampling.decoding
    temperatures = given.evaluation.grid.temperatures
    grid = Grid(
        numbers(t_train, "--t-train", above=0.0) or (sampling.temperature,),
        truncations(truncation) or (Truncation(sampling.top_k, sampling.top_p),),
        numbers(t_eval, "--t-eval", above=-1e-9) or (temperatures if len(temperatures) > 1 else WHOLE_GRID),
        tuple(range(seeds)),
    )
    quiet_libraries()
    execute(cells(given, grid), out, jobs=jobs)
    summary = summarise(given, grid, out)
    show("sweep", summary, sweep_page(summary), out)
