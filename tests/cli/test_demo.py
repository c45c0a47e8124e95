"""What `selfdistill demo` runs; that it runs is tested with small recipes."""

from __future__ import annotations

from typing import Any

import pytest
from typer.testing import CliRunner

from selfdistill.cli import run as commands
from selfdistill.cli.app import app
from selfdistill.recipe import load_recipe


@pytest.fixture
def started(monkeypatch) -> list[Any]:
    recipes: list[Any] = []
    monkeypatch.setattr(commands, "run_recipe", lambda recipe, out: recipes.append(recipe))
    return recipes


def test_the_demo_is_the_method_on_raw_samples(started):
    assert CliRunner().invoke(app, ["demo", "--seed", "3"]).exit_code == 0
    assert started == [load_recipe("demo", ["seed=3"])]
    assert started[0].training.keep == load_recipe("qwen3-4b-instruct").training.keep


def test_with_lint_it_differs_in_the_filter_and_what_must_go_with_it(started):
    assert CliRunner().invoke(app, ["demo", "--lint"]).exit_code == 0
    plain = load_recipe("demo")
    training = plain.training.model_copy(update={"keep": "lint", "targets": "hard"})
    assert started == [plain.model_copy(update={"name": "demo-lint", "training": training})]
