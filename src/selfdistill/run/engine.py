"""What generates in a run, and in which dtype: `auto` is settled once, recorded in the manifest, and kept.

Two engines, or two dtypes, draw different tokens, so a run that continues elsewhere does not change them: where the
recorded engine is not to be had, loading it says so.
"""

from __future__ import annotations

from dataclasses import asdict

from selfdistill.directory import RunDirectory
from selfdistill.engines.choose import announce, choose
from selfdistill.engines.precision import choose_dtype
from selfdistill.recipe.schema import Recipe
from selfdistill.run.manifest import read_manifest, settled_kind, update_manifest
from selfdistill.run.own_recipe import with_engine


def settled(recipe: Recipe, directory: RunDirectory) -> Recipe:
    """The recipe with `engine.kind: auto`, and `model.dtype: auto` on a CPU, replaced by what they stand for here.

    Args:
        recipe: of the run.
        directory: has a manifest, where a choice that is made now is written.
    """
    chosen = with_engine(recipe, _kind(recipe, directory))
    if chosen.engine.kind != "transformers" or chosen.cluster or chosen.model.dtype != "auto":
        return chosen
    known = read_manifest(directory).get("dtype")
    if known is None:
        choice = choose_dtype(chosen.model)
        if choice is None:
            return chosen
        known = asdict(choice)
        update_manifest(directory, "dtype", known)
    return chosen.model_copy(update={"model": chosen.model.model_copy(update={"dtype": known["dtype"]})})


def _kind(recipe: Recipe, directory: RunDirectory) -> str | None:
    """What `engine.kind: auto` stands for; None where it is not asked for."""
    if recipe.engine.kind != "auto":
        return None
    kind = settled_kind(directory)
    if kind is None:
        handed_over = recipe.training.stores_targets and recipe.sampling.source == "model"
        soft = recipe.sampling.decoding if handed_over else None
        choice = choose(recipe.model, recipe.engine, cluster=recipe.cluster, soft=soft)
        announce(choice)
        update_manifest(directory, "engine", asdict(choice))
        kind = choice.kind
    return kind
