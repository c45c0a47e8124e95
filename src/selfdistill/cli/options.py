"""Arguments and options that several commands share, described once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from selfdistill.errors import UserError

RecipeArgument = Annotated[str, typer.Argument(metavar="RECIPE", help="A YAML file, or a built-in recipe's name.")]
DirectoryArgument = Annotated[Path, typer.Argument(metavar="DIR", help="A run's directory.")]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override a key, e.g. sampling.decoding.temperature=1.2."),
]
OutOption = Annotated[
    Path | None, typer.Option("--out", metavar="DIR", help="The run's directory; by default runs/NAME-seedN.")
]

GridOption = Annotated[
    bool,
    typer.Option("--grid", help="Also decode over a grid of temperatures; a finished run is extended."),
]

JobsOption = Annotated[
    int, typer.Option("--jobs", min=1, help="Runs at the same time, each in a process with its share of the cores.")
]
SeedsOption = Annotated[int, typer.Option("--seeds", min=1, help="How many seeds: 0, 1, ...")]


def run_directory(out: Path | None, name: str, seed: int) -> Path:
    """Where a run goes if the user does not say."""
    return out or Path("runs") / f"{name}-seed{seed}"


def one_of(option: str, value: str | None, allowed: Sequence[str | None]) -> None:
    """Refuse a value that the option does not have.

    Raises:
        UserError: names the option and its values.
    """
    if value not in allowed:
        names = ", ".join(name for name in allowed if name)
        raise UserError(f"{option} is {value!r}", fix=f"give one of {names}")


def within(option: str, value: float, low: float, high: float) -> None:
    """Refuse a number outside of what the option can mean; NaN is.

    Raises:
        UserError: names the option and its bounds.
    """
    if not low <= value <= high:
        raise UserError(f"{option} is {value}", fix=f"give a number from {low:g} to {high:g}")


def a_date(option: str, value: str | None) -> None:
    """Refuse a text that is no date.

    Raises:
        UserError: names the option.
    """
    from datetime import date

    from selfdistill.errors import UserError

    try:
        date.fromisoformat(value or "2025-02-01")
    except ValueError:
        raise UserError(f"{option} is {value!r}", fix="give a date such as 2025-02-01") from None
