"""What the table of commands is made of. It is data: listing the commands imports none of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Command:
    """A command that is written out as a function, named as the command is."""

    name: str
    """As the user types it."""
    module: str
    """In this package; imported when the command is called."""
    line: str
    """What it does: the first paragraph of the function's docstring; a test compares them."""
    takes_unknown_options: bool = False
    """Whether it reads the arguments of another program."""


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


Listed = Command | Study
