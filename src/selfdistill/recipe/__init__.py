"""Recipes: the schema of a run (`schema`) and how it is read, overridden and compared (`load`)."""

from selfdistill.recipe.load import (
    builtin_recipes,
    changed_keys,
    load_recipe,
    parse_recipe,
    recipe_digest,
    recipe_text,
    with_whole_grid,
)
from selfdistill.recipe.schema import Recipe
from selfdistill.recipe.section import EMBEDDED

__all__ = [
    "EMBEDDED",
    "Recipe",
    "builtin_recipes",
    "changed_keys",
    "load_recipe",
    "parse_recipe",
    "recipe_digest",
    "recipe_text",
    "with_whole_grid",
]
