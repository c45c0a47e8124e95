"""The program: its options, and the commands of the table, each imported when it is called."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from importlib.metadata import version as installed_version
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from selfdistill.cli.commands import PANELS
from selfdistill.cli.load import load
from selfdistill.cli.table import Command, Listed
from selfdistill.errors import UserError
from selfdistill.events import VARIABLE

_UsageError: Any = typer.BadParameter.__base__  # of typer's own click, or of the package click, as the version has it


class Log(StrEnum):
    """Values of `--log`."""

    TEXT = "text"
    JSON = "json"


class Commands(TyperGroup):
    """Lists the table's commands as they stand there; imports the one that is called, or whose help is asked for."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._listed = {each.name: each for commands in PANELS.values() for each in commands}
        for panel, commands in PANELS.items():
            for each in commands:
                self.add_command(TyperCommand(each.name, help=each.line, rich_help_panel=panel))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command itself in place of its line in the list."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, _loaded(self._listed[name]) if name else command, rest

    def make_context(self, *args: Any, **settings: Any) -> Any:
        """Reads the program's own options."""
        with _one_line():
            return super().make_context(*args, **settings)

    def invoke(self, ctx: Any) -> Any:
        """Reads a command's arguments and options, and runs it."""
        with _one_line():
            return super().invoke(ctx)


@contextmanager
def _one_line() -> Iterator[None]:
    """Make what typer would put into a box the line that every other mistake gets."""
    try:
        yield
    except _UsageError as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            raise
        what = " ".join(error.format_message().split()).removesuffix(".")
        command = error.ctx.command_path if error.ctx else "selfdistill"
        raise UserError(what[:1].lower() + what[1:], fix=f"{command} --help lists what there is") from None


def _loaded(listed: Listed) -> Any:
    """A command as typer makes it of its function."""
    program = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="markdown")
    foreign = isinstance(listed, Command) and listed.takes_unknown_options
    settings = {"ignore_unknown_options": True} if foreign else None
    program.command(listed.name, context_settings=settings)(load(listed))
    return typer.main.get_command(program)


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Simple self-distillation (SSD) of code models: sample, fine-tune on the raw samples, measure honestly.",
)


def _version(show: bool) -> None:
    if show:
        print(installed_version("selfdistill"))
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
