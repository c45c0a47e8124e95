"""All rounds of a recipe, for `rounds` and for a `run` whose recipe has several."""

from __future__ import annotations

from pathlib import Path

from selfdistill.cli.show import show
from selfdistill.recipe.schema import Recipe
from selfdistill.report.pages.rounds import rounds_page


def run_all(recipes: list[Recipe], out: Path) -> None:
    """The rounds of each seed, then the page over all of them."""
    from selfdistill.studies.rounds import run_rounds, summarise

    places = [out / f"seed-{recipe.seed}" if len(recipes) > 1 else out for recipe in recipes]
    for recipe, place in zip(recipes, places, strict=True):
        run_rounds(recipe, place)
    summary = summarise(recipes[0], places)
    show("rounds", summary, rounds_page(summary), out)
