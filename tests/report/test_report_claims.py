"""The report and the model card say truly what the student was trained on."""

from __future__ import annotations

import pytest

from selfdistill.recipe import load_recipe
from selfdistill.report.card import model_card
from selfdistill.report.claims import of_report, subject

RUNS = {
    "demo": ("No sample was judged", "raw, unverified samples by simple self-distillation", "Self-distillation"),
    "embedded-lint": ("Samples in which ruff finds a fault were left out", "ruff finds no fault", "without lint"),
    "embedded-texts": ("Nothing was sampled", "along existing programs", "along existing programs"),
}


@pytest.mark.parametrize("name", RUNS)
def test_recipes(name: str) -> None:
    recipe = load_recipe(name)
    report, card, who = RUNS[name]
    tree = recipe.model_dump(mode="json")
    assert report in of_report(tree)
    assert card in model_card(recipe, None)
    assert subject(tree).endswith(who)


def test_a_verifier_is_named() -> None:
    recipe = load_recipe("demo", ["training.keep=passing", "training.targets=hard"])
    tree = recipe.model_dump(mode="json")
    card = model_card(recipe, None)
    assert "verifier" in of_report(tree)
    assert "verifier" in card
    assert "No tests" not in card
    assert "unverified" not in card
    assert subject(tree) == "Training on samples that pass their tests"


def test_only_raw_samples_are_called_raw() -> None:
    agreement = ("keep=agreement", "targets=hard")
    for changes in (("keep=compiles",), ("keep=lint",), ("keep=passing",), agreement, ("shuffled=true",)):
        overrides = [f"training.{change}" for change in changes]
        recipe = load_recipe("demo", [*overrides, "sampling.samples_per_prompt=2"])
        assert "raw, unverified" not in model_card(recipe, None)
        assert "No sample was judged" not in of_report(recipe.model_dump(mode="json"))
