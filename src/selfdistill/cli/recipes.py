"""`selfdistill recipes`: the recipes that come with the package."""

from __future__ import annotations

from typing import Annotated

import typer

from selfdistill.recipe import builtin_recipes, load_recipe
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
    for each in builtin_recipes():
        print(f"{each:<{width}}  {load_recipe(each).description}")
