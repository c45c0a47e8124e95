"""What README and docs show can be used as it stands: pieces of recipes, commands and their options."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer
import yaml

from selfdistill.cli.app import app
from selfdistill.recipe import load_recipe
from selfdistill.recipe.load import with_changes
from selfdistill.recipe.schema import Recipe
from tests.conftest import REPOSITORY

PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]
HISTORY = {"LOG.md"}
"""Says what was run at the time."""
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"\bselfdistill ([a-z][a-z-]+)((?:[ \t]+(?:\\\n[ \t]*)?[^\s`|;)]+)*)")


def blocks(page: Path, language: str) -> list[str]:
    return [text for kind, text in BLOCK.findall(page.read_text()) if kind == language]


PIECES = [
    pytest.param(text, id=f"{page.stem}-{number}")
    for page in PAGES
    for number, text in enumerate(blocks(page, "yaml"))
    if isinstance(tree := yaml.safe_load(text), dict) and tree.keys() <= Recipe.model_fields.keys()
]


@pytest.mark.parametrize("text", PIECES)
def test_a_piece_of_a_recipe_is_one(text):
    keys = {}
    for section, values in yaml.safe_load(text).items():
        keys |= (
            {f"{section}.{key}": value for key, value in values.items()}
            if isinstance(values, dict)
            else {section: values}
        )
    with_changes(load_recipe("demo"), keys, "the page")


def options(name: str) -> set[str]:
    group = typer.main.get_command(app)
    _, command, _ = group.resolve_command(typer.Context(group), [name])  # type: ignore[attr-defined]
    return {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}


@pytest.mark.parametrize("page", [page for page in PAGES if page.name not in HISTORY], ids=lambda page: page.stem)
def test_commands_and_their_options_are_there(page):
    for name, rest in COMMAND.findall(page.read_text()):
        known = options(name) if name in commands() else None
        if known is None:
            assert not re.search(r"(^|\s)--\w", rest), f"selfdistill {name}{rest}: there is no such command"
            continue
        if name == "import-ssd":  # takes another program's options
            continue
        for option in re.findall(r"(?:^|\s)(--[a-z][a-z-]*)", rest):
            assert option in known, f"selfdistill {name} has no {option}"


def commands() -> set[str]:
    return set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]


def test_there_is_something_to_look_at():
    assert len(PIECES) > 5
    assert sum(len(COMMAND.findall(page.read_text())) for page in PAGES) > 50
