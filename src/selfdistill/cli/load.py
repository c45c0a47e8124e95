"""From a line of the table to the function from which typer makes the command."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from keyword import iskeyword

from selfdistill.cli.table import Listed, Study


def load(listed: Listed) -> Callable[..., None]:
    """Import the command. A study has the options that all studies have, and its own."""
    if isinstance(listed, Study):
        from selfdistill.cli.study import command_of  # brings what pages are made with

        return command_of(listed)
    name = listed.name.replace("-", "_")
    module = import_module(f"selfdistill.cli.{listed.module}")
    function: Callable[..., None] = getattr(module, f"{name}_" if iskeyword(name) else name)  # as in `try_`
    return function
