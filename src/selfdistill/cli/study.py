"""How a study becomes a command: the options that all have, and how a result is written and shown."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from selfdistill.cli.options import JobsOption, RecipeArgument, SeedsOption, SetOption
from selfdistill.cli.show import show
from selfdistill.cli.table import Study
from selfdistill.libraries import quiet_libraries
from selfdistill.recipe.load import load_recipe

_REQUIRED = inspect.Parameter.empty


def command_of(study: Study) -> Callable[..., None]:
    """A function with the signature and docstring from which typer makes the command."""

    def run(recipe: str, out: Path, seeds: int, jobs: int, overrides: list[str] | None, **options: str) -> None:
        given = load_recipe(recipe, overrides or ())
        quiet_libraries()
        work = import_module(study.module).study
        summary, page = work(given, out, seeds=seeds, jobs=jobs, **options)
        show(study.name, summary, page, out)

    place = typer.Option("--out", metavar="DIR", help=f"Holds the runs, {study.name}.json and {study.name}.html.")
    own = {name: _text_option(name, *described) for name, described in study.options.items()}
    parameters = {
        "recipe": (RecipeArgument, _REQUIRED),
        "out": (Annotated[Path, place], _REQUIRED),
        **own,
        "seeds": (SeedsOption, study.seeds),
        "jobs": (JobsOption, 1),
        "overrides": (SetOption, None),
    }
    signature = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)
        for name, (kind, default) in parameters.items()
    ]
    run.__signature__ = inspect.Signature(signature)  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in signature}
    run.__name__ = study.name
    run.__doc__ = f"{study.line}\n\nExample:\n\n  selfdistill {study.name} {study.example} --out runs/{study.name}"
    return run


def _text_option(name: str, default: str | None, text: str) -> tuple[Any, Any]:
    """Annotation and default of an option."""
    option = typer.Option(f"--{name.replace('_', '-')}", metavar="LIST", help=text)
    return Annotated[str, option], _REQUIRED if default is None else default
