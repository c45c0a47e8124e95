"""`selfdistill init`: a recipe for a model, fitted to this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from selfdistill.cli.model_recipe import write_recipe
from selfdistill.cli.models import recipe_name
from selfdistill.errors import UserError
from selfdistill.libraries import quiet_libraries
from selfdistill.recipe.one_card import known_models


def init(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A directory, a hub id, or a model's recipe.")],
    prompts: Annotated[
        list[str] | None,
        typer.Option(
            "--prompts", metavar="SOURCE", help="self, repository:DIR, a file, a hub data set; repeat to mix."
        ),
    ] = None,
    benchmark: Annotated[
        str, typer.Option(metavar="NAME_OR_FILE", help="Judges base and student: humaneval, mbpp+, ...")
    ] = "humaneval",
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="By default NAME.yaml here.")] = None,
    memory: Annotated[
        float | None, typer.Option("--memory-gb", min=0.1, help="Fit this much instead of what is here.")
    ] = None,
    hours: Annotated[
        float | None,
        typer.Option("--hours", min=0.01, help="That a run may take; 1 by default where there is no CUDA GPU."),
    ] = None,
) -> None:
    """Write a recipe for a model that fits this machine, and say what a run of it will take. Runs nothing.

    Without --prompts an instruct model writes its own. Everything in the file can be changed.

    Examples:

      selfdistill init Qwen/Qwen2.5-Coder-0.5B-Instruct

      selfdistill init ./my-model --prompts repository:src --prompts self --benchmark humaneval+ --out mine.yaml

      selfdistill init ./my-model --hours 8
    """
    if model in known_models() and not Path(model).is_dir():
        model = known_models()[model].path
    path = out or Path(f"{recipe_name(model)}.yaml")
    if path.exists():
        raise UserError("is there already", where=path, fix="choose another --out, or remove it")
    quiet_libraries()
    write_recipe(model, path, tuple(prompts or ()), benchmark, memory, hours)
    print(f"recipe: {path.resolve()}")
    print(f"next: selfdistill run {path}")
