"""`selfdistill recipes`: the recipes that come with the package."""

from __future__ import annotations

from typing import Annotated

import typer

from selfdistill.recipe.load import builtin_recipes, load_recipe
from selfdistill.recipe.show import shown_recipe


def recipes(name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Print this recipe.")] = None) -> None:
    """List the built-in recipes, or print one to start your own from: first the keys that people change first.

    Examples:

      selfdistill recipes

      selfdistill recipes qwen3-4b-instruct > mine.yaml
    """
    if name is not None:
        print(shown_recipe(name), end="")
        return
    width = max(map(len, builtin_recipes()))
    for title, names in _groups().items():
        print(f"{title}:")
        for each in names:
            print(f"  {each:<{width}}  {load_recipe(each).description}")
        print()
    print("Any other model: selfdistill init MODEL. One of these to start from: selfdistill recipes NAME > mine.yaml")


def _groups() -> dict[str, list[str]]:
    """Names of recipes, the quickest first."""
    from selfdistill.recipe.load import builtin_recipes, load_recipe
    from selfdistill.recipe.one_card import known_models
    from selfdistill.recipe.section import EMBEDDED

    cards = list(known_models())
    others = [name for name in builtin_recipes() if name not in cards]
    embedded = [name for name in others if load_recipe(name).model.path == EMBEDDED]
    return {
        "The model inside the package, on a laptop": embedded,
        "A model on one GPU of 24 GB": cards,
        "The paper's, with its settings, for several large GPUs": [name for name in others if name not in embedded],
    }
