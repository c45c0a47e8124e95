"""`selfdistill recipes`: the recipes that come with the package."""

from __future__ import annotations

from typing import Annotated

import typer


def recipes(name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Print this recipe.")] = None) -> None:
    """List the built-in recipes, or print one to start your own from.

    Examples:

      selfdistill recipes

      selfdistill recipes qwen3-4b-instruct > mine.yaml
    """
    from selfdistill.recipe import builtin_recipes, load_recipe, recipe_text

    if name is not None:
        print(recipe_text(name), end="")
        return
    width = max(map(len, builtin_recipes()))
    for each in builtin_recipes():
        print(f"{each:<{width}}  {load_recipe(each).description}")
