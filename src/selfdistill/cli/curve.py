"""`selfdistill curve`: the gain against the number of training sequences."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from selfdistill.cli.options import RecipeArgument, SetOption
from selfdistill.cli.studies import JobsOption, SeedsOption, numbers, publish
from selfdistill.libraries import quiet_libraries


def curve(
    recipe: RecipeArgument,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Holds the runs, curve.json and curve.html.")],
    sequences: Annotated[str, typer.Option("--sequences", metavar="LIST", help="Training sequences.")],
    variants: Annotated[
        str, typer.Option("--variants", metavar="LIST", help="hard, soft, texts, or texts:SOURCE.")
    ] = "hard,soft",
    seeds: SeedsOption = 5,
    jobs: JobsOption = 1,
    overrides: SetOption = None,
) -> None:
    """Learning curves of hard targets, soft targets and existing texts. The same command resumes.

    Example:

      selfdistill curve embedded --sequences 1000,3000,9000 --variants hard,soft,texts --out runs/curve
    """
    quiet_libraries()
    from selfdistill.recipe import load_recipe
    from selfdistill.report.pages.curve import curve_page
    from selfdistill.studies.curve import Variant, cells, summarise
    from selfdistill.studies.execute import execute

    given = load_recipe(recipe, overrides or ())
    sizes = [int(size) for size in numbers(sequences, "--sequences", above=0)]
    chosen = [Variant(name.strip()) for name in variants.split(",") if name.strip()]
    each = list(range(seeds))
    execute(cells(given, chosen, sizes, each), out, jobs=jobs)
    summary = summarise(given, chosen, sizes, each, out)
    publish("curve", summary, curve_page(summary), out)
