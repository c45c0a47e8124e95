"""The commands, wired together."""

from __future__ import annotations

import os
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated

import typer

from selfdistill.cli.check_base import check_base
from selfdistill.cli.compare import compare
from selfdistill.cli.contamination import contamination
from selfdistill.cli.doctor import doctor
from selfdistill.cli.explain import explain
from selfdistill.cli.export import export
from selfdistill.cli.grade import grade
from selfdistill.cli.import_ssd import import_ssd
from selfdistill.cli.init import init
from selfdistill.cli.plan import plan
from selfdistill.cli.prompts import prompts
from selfdistill.cli.push import push
from selfdistill.cli.recipes import recipes
from selfdistill.cli.regressions import regressions
from selfdistill.cli.run import demo, run
from selfdistill.cli.stages import evaluate, report, sample, train
from selfdistill.cli.studies import STUDIES
from selfdistill.cli.study import Study
from selfdistill.cli.toy import toy
from selfdistill.cli.try_ import try_
from selfdistill.events import VARIABLE


class Log(StrEnum):
    """Values of `--log`."""

    TEXT = "text"
    JSON = "json"


def add_command(program: typer.Typer, command: Study | Callable[..., None], panel: str) -> None:
    """Add a command to a program, under a panel of its help."""
    if isinstance(command, Study):
        program.command(command.name, rich_help_panel=panel)(command.command())
    else:
        name = command.__name__.rstrip("_").replace("_", "-")  # `try` is no name that Python has
        foreign = {"ignore_unknown_options": True} if command is import_ssd else None  # it takes another program's
        program.command(name, rich_help_panel=panel, context_settings=foreign)(command)


app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Simple self-distillation (SSD) of code models: sample, fine-tune on the raw samples, measure honestly.",
)
PANELS: dict[str, tuple[Study | Callable[..., None], ...]] = {
    "The whole loop": (demo, init, run),
    "Its steps": (sample, train, evaluate, report),
    "Checks": (check_base, compare, contamination, regressions, explain),
    "Studies: several runs side by side": STUDIES,
    "Tools": (recipes, import_ssd, prompts, doctor, plan, grade, try_, export, push, toy),
}
"""Commands as `--help` groups them."""

for _panel, _commands in PANELS.items():
    for _command in _commands:
        add_command(app, _command, _panel)


def _version(show: bool) -> None:
    if show:
        from importlib.metadata import version

        print(version("selfdistill"))
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    log: Annotated[
        Log, typer.Option("--log", envvar=VARIABLE, help="What a run reports on stderr: for people, or JSON lines.")
    ] = Log.TEXT,
) -> None:
    """Holds the options of the program as a whole."""
    os.environ[VARIABLE] = log.value
