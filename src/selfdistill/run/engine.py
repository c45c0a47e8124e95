"""What generates in a run: `engine.kind: auto` is settled once, recorded in the manifest, and kept from then on.

Two engines draw different tokens from equal distributions, so a run that goes on elsewhere does not change its engine:
where the recorded one is not to be had, loading it says so.
"""

from __future__ import annotations

from dataclasses import asdict

from selfdistill.engines.choose import announce, choose
from selfdistill.recipe import Recipe
from selfdistill.run.directory import RunDirectory
from selfdistill.run.manifest import settled_kind, update_manifest, with_engine


def settled(recipe: Recipe, directory: RunDirectory) -> Recipe:
    """The recipe with `engine.kind: auto` replaced by what it stands for in this run.

    Args:
        recipe: of the run.
        directory: has a manifest, where a choice that is made now is written.
    """
    if recipe.engine.kind != "auto":
        return recipe
    kind = settled_kind(directory)
    if kind is None:
        handed_over = recipe.training.stores_targets and recipe.sampling.source == "model"
        soft = recipe.sampling.decoding if handed_over else None
        choice = choose(recipe.model, recipe.engine, cluster=recipe.cluster, soft=soft)
        announce(choice)
        update_manifest(directory, "engine", asdict(choice))
        kind = choice.kind
    return with_engine(recipe, kind)
