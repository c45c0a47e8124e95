"""How a study becomes a command: the options that all have, and how a result is written and shown."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from selfdistill.cli.options import RecipeArgument, SetOption
from selfdistill.libraries import quiet_libraries

if TYPE_CHECKING:
    from selfdistill.report.pages.page import Page

JobsOption = Annotated[
    int, typer.Option("--jobs", min=1, help="Runs at the same time, each in a process with its share of the cores.")
]
SeedsOption = Annotated[int, typer.Option("--seeds", min=1, help="How many seeds: 0, 1, ...")]


_REQUIRED = inspect.Parameter.empty


@dataclass(frozen=True, slots=True)
class Study:
    """Several runs of a recipe side by side: what its command is called, and where its work is.

    The module has `study(recipe, out, *, seeds, jobs, **options)`, which returns a summary, fit for JSON, and its page.
    """

    name: str
    """Of the command, and of the files of the result."""
    module: str
    """Imported when the study is run."""
    help: str
    """One sentence."""
    example: str
    """The command's arguments, without --out."""
    options: Mapping[str, tuple[str | None, str]] = field(default_factory=dict)
    """Options of its own, all of them texts: default, or None for one that must be given, and help."""
    seeds: int = 1
    """How many, by default."""

    def command(self) -> Callable[..., None]:
        """A function with the signature and docstring from which typer makes the command."""

        def run(recipe: str, out: Path, seeds: int, jobs: int, overrides: list[str] | None, **options: str) -> None:
            quiet_libraries()
            from importlib import import_module

            from selfdistill.recipe import load_recipe

            work = import_module(self.module).study
            summary, page = work(load_recipe(recipe, overrides or ()), out, seeds=seeds, jobs=jobs, **options)
            publish(self.name, summary, page, out)

        place = typer.Option("--out", metavar="DIR", help=f"Holds the runs, {self.name}.json and {self.name}.html.")
        own = {name: _text_option(name, *described) for name, described in self.options.items()}
        parameters = {
            "recipe": (RecipeArgument, _REQUIRED),
            "out": (Annotated[Path, place], _REQUIRED),
            **own,
            "seeds": (SeedsOption, self.seeds),
            "jobs": (JobsOption, 1),
            "overrides": (SetOption, None),
        }
        signature = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)
            for name, (kind, default) in parameters.items()
        ]
        run.__signature__ = inspect.Signature(signature)  # type: ignore[attr-defined]
        run.__annotations__ = {each.name: each.annotation for each in signature}
        run.__name__ = self.name
        run.__doc__ = (
            f"{self.help} The same command resumes.\n\nExample:\n\n"
            f"  selfdistill {self.name} {self.example} --out runs/{self.name}"
        )
        return run


def _text_option(name: str, default: str | None, text: str) -> tuple[Any, Any]:
    """Annotation and default of an option."""
    option = typer.Option(f"--{name.replace('_', '-')}", metavar="LIST", help=text)
    return Annotated[str, option], _REQUIRED if default is None else default


def publish(name: str, summary: Mapping[str, Any], page: Page, out: Path) -> None:
    """Write NAME.json, NAME.md and NAME.html, print the tables, and say where the figures are."""
    from selfdistill.files import write_sealed, write_text
    from selfdistill.report.pages.page import write_page
    from selfdistill.studies.directory import StudyDirectory

    study = StudyDirectory(out)
    write_sealed(study.numbers(name), dict(summary))
    write_text(study.tables(name), page.markdown())
    print(page.markdown())
    print(f"figures: {write_page(page, study.page(name)).resolve()}")
