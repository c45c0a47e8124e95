"""`selfdistill method-baselines`: SSD beside related methods, same prompts, same budget."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from selfdistill.cli.options import RecipeArgument, SetOption
from selfdistill.cli.studies import JobsOption, SeedsOption, publish
from selfdistill.libraries import quiet_libraries


def method_baselines(
    recipe: RecipeArgument,
    out: Annotated[
        Path,
        typer.Option("--out", metavar="DIR", help="Holds the runs and method-baselines.html."),
    ],
    methods: Annotated[
        str, typer.Option("--methods", metavar="LIST", help="Which, see the page on related methods.")
    ] = "ssd,soft,texts,online,fixed-point,plain,shuffled,compiles,lint,passing",
    seeds: SeedsOption = 1,
    jobs: JobsOption = 1,
    overrides: SetOption = None,
) -> None:
    """Compare with online resampling, filters by compiler, lint, agreement and tests, and controls. Resumes.

    Example:

      selfdistill method-baselines demo --methods ssd,soft,passing --seeds 3 --out runs/method-baselines
    """
    quiet_libraries()
    from selfdistill.recipe import load_recipe
    from selfdistill.report.pages.method_baselines import method_baselines_page
    from selfdistill.studies.execute import execute
    from selfdistill.studies.method_baselines import cells, resample, summarise

    given = load_recipe(recipe, overrides or ())
    names = [name.strip() for name in methods.split(",") if name.strip()]
    each = list(range(seeds))
    planned = cells(given, names, each)
    for cell in planned:
        if cell.name.startswith("online-"):
            resample(cell, out)
    execute(planned, out, jobs=jobs)
    summary = summarise(given, names, each, out)
    publish("method-baselines", summary, method_baselines_page(summary), out)
