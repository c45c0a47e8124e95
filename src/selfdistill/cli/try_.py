"""`selfdistill try`: base and student side by side."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from selfdistill.cli.options import DirectoryArgument
from selfdistill.directory import RunDirectory
from selfdistill.libraries import quiet_libraries
from selfdistill.problems.benchmarks import load_problems
from selfdistill.problems.render import load_renderer
from selfdistill.run.own_recipe import read_recipe

LONGEST = 1024
"""Tokens of an answer where nobody says how many: someone waits for it."""


def try_(
    directory: DirectoryArgument,
    max_new_tokens: Annotated[
        int | None,
        typer.Option("--max-new-tokens", min=1, help="An answer is cut off here. By default as in the evaluation."),
    ] = None,
) -> None:
    """Ask base and student the same thing, side by side, each at its own decoding; /run runs what they write.

    Questions come from the terminal, or from standard input. /help lists the commands.

    Examples:

      selfdistill try runs/mine

      echo "Write a function that reverses a list." | selfdistill try runs/mine
    """
    quiet_libraries()

    from selfdistill.trying.screen import Plain, SideBySide
    from selfdistill.trying.session import HELP, Session
    from selfdistill.trying.sides import open_sides

    run = RunDirectory(Path(directory))
    recipe = read_recipe(run)
    renderer, _ = load_renderer(recipe.model, recipe.prompts)
    sides = open_sides(recipe.model, recipe.evaluation, run, renderer)
    limit = max_new_tokens or min(LONGEST, recipe.evaluation.max_new_tokens)
    problems = load_problems(recipe.evaluation)
    session = Session(recipe.evaluation.grading, renderer, sides, problems, limit=limit, seed=recipe.seed)
    if not sys.stdin.isatty():
        session.run(sys.stdin, Plain())
        return
    screen = SideBySide(Console(markup=False, highlight=False))
    screen.say(HELP)
    try:
        session.run(_typed(), screen)
    finally:
        screen.stop()


def _typed() -> Iterator[str]:
    """Lines from the terminal, with its history where Python has readline."""
    with suppress(ImportError):
        import readline  # noqa: F401  makes input() take arrow keys
    while True:
        try:
            yield input("> ")
        except EOFError:
            return
