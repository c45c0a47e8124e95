"""`selfdistill preview` and `selfdistill advise`: which setting, before anything is trained."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from selfdistill.cli.options import RecipeArgument, SetOption
from selfdistill.cli.show import show
from selfdistill.files import write_json
from selfdistill.libraries import quiet_libraries
from selfdistill.recipe.load import load_recipe
from selfdistill.report.pages.advice import advice_page, advice_words, regret_words
from selfdistill.report.pages.page import write_page
from selfdistill.report.pages.preview import preview_page
from selfdistill.studies.advise import advise as run_advise
from selfdistill.studies.directory import StudyDirectory
from selfdistill.studies.grid import Grid
from selfdistill.studies.lists import numbers, truncations
from selfdistill.studies.regret import regret

_T_TRAIN, _TRUNCATIONS, _T_EVAL = "0.5,0.7,1.0,1.3,1.6,2.0", "20/0.8,0/1", "0.5,0.7,0.9,1.1,1.3"


def preview(
    recipe: RecipeArgument,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Holds the programs, preview.json and .html.")],
    t_train: Annotated[str, typer.Option("--t-train", metavar="LIST", help="Temperatures of sampling.")] = _T_TRAIN,
    truncation: Annotated[
        str, typer.Option("--truncation", metavar="LIST", help="TOP_K/TOP_P of sampling; 0/1 is none.")
    ] = _TRUNCATIONS,
    t_eval: Annotated[str, typer.Option("--t-eval", metavar="LIST", help="Temperatures of decoding.")] = _T_EVAL,
    overrides: SetOption = None,
) -> None:
    """Score an ideally fitted student over a whole grid, without training. The same command resumes.

    Programs are drawn from the base under two decodings a truncation, as many as evaluation.samples_per_problem each.
    Use other problems than those that you report: for the embedded ones, evaluation.split=validation.

    Example:

      selfdistill preview demo --set evaluation.split=validation --out runs/preview
    """
    given = load_recipe(recipe, overrides or ())
    temperatures = numbers(t_train, "--t-train", above=0), numbers(t_eval, "--t-eval", above=0)
    grid = Grid(temperatures[0], truncations(truncation), temperatures[1], (given.seed,))
    quiet_libraries()
    from selfdistill.studies.preview import preview as run_preview  # brings torch

    summary = run_preview(given, grid, out)
    show("preview", summary, preview_page(summary), out)


def advise(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A preview's directory.")],
    measure: Annotated[str, typer.Option("--measure", help="What to maximise.")] = "pass@1",
    against: Annotated[
        Path | None,
        typer.Option("--against", metavar="DIR", help="A finished sweep over this grid: how good was the advice?"),
    ] = None,
) -> None:
    """Recommend T_train, truncation and T_eval from a preview, and say how sure that is.

    Examples:

      selfdistill advise runs/preview --measure pass@5

      selfdistill advise runs/preview --against runs/sweep
    """
    advice, study = run_advise(directory, measure), StudyDirectory(directory)
    print(advice_words(advice))
    if against:
        advice["against"] = regret(directory, against, advice["recommended"], measure)
        print("\n".join(regret_words(advice)))
        print(f"figures: {write_page(advice_page(advice), study.page('advice')).resolve()}")
    write_json(study.numbers("advice"), advice)
