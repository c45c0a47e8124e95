"""`selfdistill rounds`: the loop again and again, from the last student."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from selfdistill.cli.options import RecipeArgument, SeedsOption, SetOption
from selfdistill.cli.show import show
from selfdistill.libraries import quiet_libraries
from selfdistill.recipe.load import load_recipe


def rounds(
    recipe: RecipeArgument,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Holds the runs, rounds.json and rounds.html.")],
    count: Annotated[int | None, typer.Option("--rounds", min=1, help="In place of rounds.count.")] = None,
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
    changes = [*(overrides or ()), *([f"rounds.count={count}"] if count else [])]
    recipes = [load_recipe(recipe, [*changes, f"seed={seed}"]) for seed in range(seeds)]
    quiet_libraries()
    from selfdistill.studies.rounds import study

    show("rounds", *study(recipes, out), out)
