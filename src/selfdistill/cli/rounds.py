"""`selfdistill rounds`: the loop again and again, from the last student."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from selfdistill.cli.options import RecipeArgument, SetOption
from selfdistill.cli.study import SeedsOption, show
from selfdistill.libraries import quiet_libraries

if TYPE_CHECKING:
    from selfdistill.recipe import Recipe


def rounds(
    recipe: RecipeArgument,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Holds the runs, rounds.json and rounds.html.")],
    count: Annotated[int | None, typer.Option("--rounds", min=1, help="In the place of rounds.count.")] = None,
    seeds: SeedsOption = 1,
    overrides: SetOption = None,
) -> None:
    """Repeat the loop from the last student: does it keep gaining, does it collapse? The same command resumes.

    The recipe's `rounds` section says whether prompts are fresh, whose samples are used, and whether the first round's
    are mixed in.

    Examples:

      selfdistill rounds demo --rounds 3 --out runs/rounds

      selfdistill rounds demo --rounds 3 --set rounds.mix_first=0.5 --out runs/rounds-mixed
    """
    quiet_libraries()
    from selfdistill.recipe import load_recipe

    changes = [*(overrides or ()), *([f"rounds.count={count}"] if count else [])]
    run_all([load_recipe(recipe, [*changes, f"seed={seed}"]) for seed in range(seeds)], out)


def run_all(recipes: list[Recipe], out: Path) -> None:
    """The rounds of each seed, then the page over all of them."""
    from selfdistill.report.pages.rounds import rounds_page
    from selfdistill.studies.rounds import run_rounds, summarise

    places = [out / f"seed-{recipe.seed}" if len(recipes) > 1 else out for recipe in recipes]
    for recipe, place in zip(recipes, places, strict=True):
        run_rounds(recipe, place)
    summary = summarise(recipes[0], places)
    show("rounds", summary, rounds_page(summary), out)
