"""`selfdistill seeds`: a recipe under several seeds, and one table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from selfdistill.cli.options import RecipeArgument, SetOption
from selfdistill.files import write_json, write_text
from selfdistill.libraries import quiet_libraries
from selfdistill.recipe.load import load_recipe
from selfdistill.run.pipeline import run_recipe
from selfdistill.studies.directory import StudyDirectory
from selfdistill.studies.seeds import markdown, summarise_seeds


def seeds(
    recipe: RecipeArgument,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Holds one run directory a seed.")],
    count: Annotated[int, typer.Option("--seeds", min=1, help="How many seeds: 0, 1, ...")] = 5,
    overrides: SetOption = None,
) -> None:
    """Run a recipe under several seeds and print how sure the gain is. The same command resumes.

    Example:

      selfdistill seeds demo --seeds 5 --out runs/demo-seeds
    """
    recipes = [load_recipe(recipe, [*(overrides or ()), f"seed={seed}"]) for seed in range(count)]
    quiet_libraries()
    summary = summarise_seeds([run_recipe(each, out / f"seed-{each.seed}").root for each in recipes])
    study = StudyDirectory(out)
    write_json(study.numbers("seeds"), summary)
    text = markdown(summary)
    write_text(study.tables("seeds"), text)
    print(text)
    print(f"also in: {study.tables('seeds').resolve()}")
