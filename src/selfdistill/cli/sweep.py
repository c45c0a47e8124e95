"""`selfdistill sweep`: a grid over T_train, truncation and T_eval."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from selfdistill.cli.options import RecipeArgument, SetOption, quiet_libraries

if TYPE_CHECKING:
    from selfdistill.study.sweep import Truncation

JobsOption = Annotated[
    int, typer.Option("--jobs", min=1, help="Runs at the same time, each in a process with its share of the cores.")
]
SeedsOption = Annotated[int, typer.Option("--seeds", min=1, help="How many seeds: 0, 1, ...")]


def sweep(
    recipe: RecipeArgument,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Holds the runs, sweep.json and sweep.html.")],
    t_train: Annotated[str, typer.Option("--t-train", metavar="LIST", help="Temperatures of sampling.")] = "",
    truncation: Annotated[
        str, typer.Option("--truncation", metavar="LIST", help="TOP_K/TOP_P of sampling; 0/1 is none.")
    ] = "",
    t_eval: Annotated[
        str, typer.Option("--t-eval", metavar="LIST", help="Temperatures of decoding; 0 is greedy.")
    ] = "",
    seeds: SeedsOption = 1,
    jobs: JobsOption = 1,
    overrides: SetOption = None,
) -> None:
    """Train and evaluate over a grid; samples, students and the base's scores are shared. The same command resumes.

    What is left out comes from the recipe. Choose settings on other problems than those that you report: for the
    embedded ones, with evaluation.split=validation.

    Example:

      selfdistill sweep demo --t-train 0.5,0.7,1.0 --truncation 20/0.8,0/1 --t-eval 0,0.7,1.0 --out runs/sweep
    """
    quiet_libraries()
    from selfdistill.files import write_json, write_text
    from selfdistill.recipe import load_recipe
    from selfdistill.study.execute import execute
    from selfdistill.study.page import write_page
    from selfdistill.study.sweep import Grid, Truncation, cells, summarise
    from selfdistill.study.sweep_page import sweep_page

    given = load_recipe(recipe, overrides or ())
    sampling = given.sampling.decoding
    grid = Grid(
        numbers(t_train, "--t-train", above=0.0) or (sampling.temperature,),
        truncations(truncation) or (Truncation(sampling.top_k, sampling.top_p),),
        numbers(t_eval, "--t-eval", above=-1e-9) or given.evaluation.grid.temperatures,
        tuple(range(seeds)),
    )
    execute(cells(given, grid), out, jobs=jobs)
    summary = summarise(given, grid, out)
    write_json(out / "sweep.json", summary)
    page = sweep_page(summary)
    write_text(out / "sweep.md", page.markdown())
    print(page.markdown())
    print(f"figures: {write_page(page, out / 'sweep.html').resolve()}")


def numbers(text: str, option: str, *, above: float) -> tuple[float, ...]:
    """Comma-separated numbers, sorted and without repeats.

    Raises:
        UserError: one of them is not a finite number above the bound.
    """
    from math import isfinite

    from selfdistill.errors import UserError

    found = set()
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        try:
            value = float(part)
        except ValueError:
            raise UserError(f"{part!r} is not a number", where=option, fix="write e.g. 0.5,0.7,1.0") from None
        if not isfinite(value) or value <= above:
            raise UserError(f"{part} is out of range", where=option)
        found.add(value)
    return tuple(sorted(found))


def truncations(text: str) -> tuple[Truncation, ...]:
    """Comma-separated TOP_K/TOP_P.

    Raises:
        UserError: one of them is not of this form, or out of range.
    """
    from selfdistill.errors import UserError
    from selfdistill.study.sweep import Truncation

    found = []
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        top_k, _, top_p = part.partition("/")
        try:
            each = Truncation(int(top_k), float(top_p))
            each.at(1.0)
        except ValueError:
            raise UserError(
                f"{part!r} is not TOP_K/TOP_P", where="--truncation", fix="write e.g. 20/0.8,0/1; 0/1 is none"
            ) from None
        found.append(each)
    return tuple(dict.fromkeys(found))
