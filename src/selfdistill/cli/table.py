"""What the table of commands is made of. Listing it imports no command: `--help` and a mistyped name are instant."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from keyword import iskeyword
from typing import Protocol


class Listed(Protocol):
    """A command as the table has it."""

    @property
    def name(self) -> str:
        """As the user types it."""

    @property
    def line(self) -> str:
        """What it does, as `--help` lists it."""

    @property
    def takes_unknown_options(self) -> bool:
        """Whether it reads the arguments of another program."""

    def load(self) -> Callable[..., None]:
        """The function from which typer makes the command."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command that is written out as a function, named as the command is."""

    name: str
    module: str
    """In this package; imported when the command is called."""
    line: str
    """The first paragraph of the function's docstring; a test compares them."""
    takes_unknown_options: bool = False

    def load(self) -> Callable[..., None]:
        """The function; `try` is no name that Python has, so it is `try_`."""
        function = self.name.replace("-", "_")
        loaded: Callable[..., None] = getattr(
            import_module(f"selfdistill.cli.{self.module}"), f"{function}_" if iskeyword(function) else function
        )
        return loaded


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

    @property
    def line(self) -> str:
        """What it does."""
        return f"{self.help} The same command resumes."

    @property
    def takes_unknown_options(self) -> bool:
        """It does not."""
        return False

    def load(self) -> Callable[..., None]:
        """A function with the options that all studies have, and this one's own."""
        command: Callable[..., None] = import_module("selfdistill.cli.study").command_of(self)
        return command
