"""`selfdistill regressions`: what got worse, on other tasks than the one that the student was trained for."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from selfdistill.cli.options import DirectoryArgument
from selfdistill.directory import RunDirectory, exclusive
from selfdistill.libraries import quiet_libraries
from selfdistill.measure.words import UNDEFINED, number, percent, point_interval, sentence
from selfdistill.report.regressions import regressions as found
from selfdistill.run import reporting
from selfdistill.run.checks import measure_regressions
from selfdistill.run.manifest import finished
from selfdistill.run.own_recipe import read_recipe


def regressions(
    directory: DirectoryArgument,
    tasks: Annotated[
        list[str] | None, typer.Argument(metavar="[TASK]...", help="Further tasks besides the recipe's.")
    ] = None,
) -> None:
    """Compare base and student on other tasks at equal decodings, and put it into the run's report. It resumes.

    A TASK is `embedded-scalars`, `embedded-strings`, `embedded-json`, `embedded-text`, `text:FILE`, a benchmark's name
    or file, or `lm-eval:TASK`.

    Examples:

      selfdistill regressions runs/demo embedded-json embedded-text

      selfdistill regressions runs/mine HumanEval.jsonl.gz lm-eval:hellaswag
    """
    run = RunDirectory(directory)
    recipe = read_recipe(run)
    quiet_libraries()
    with exclusive(run):
        measure_regressions(recipe, run, tasks or ())
        if finished(run, "grade"):
            print(f"report: {reporting.write_report(run).resolve()}")
    _print(run, recipe.seed)


def _print(run: RunDirectory, seed: int) -> None:
    summary = found(run, [], ["pass@1"], seed)
    if summary is None:
        print("no other tasks: name some, or set checks.regressions.tasks in the recipe")
        return
    table = Table("task", "base", "student", "gain [95 %]", "student is", box=None)
    for row in summary["tasks"]:
        show = percent if row["measure"] == "share" else _number
        values = [show(row["base"]["value"]), show(row["student"]["value"])]
        gain = _number(row["gain"]["value"]) if row["measure"] == "other" else point_interval(row["gain"])
        title = ", ".join(filter(None, [sentence(row["title"]), row["decoding"]]))
        table.add_row(title, *values, gain, row["verdict"])
    Console(markup=False).print(table)
    print(*summary["sentences"])


def _number(value: float | None) -> str:
    return UNDEFINED if value is None else number(value, 3)
