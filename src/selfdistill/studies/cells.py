"""A cell: one run of a study, and what it has in common with others.

Two cells share a stage where everything that the stage's result depends on is equal; the keys here say when that is.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from selfdistill.agreement.model_inputs import asks_for_inputs
from selfdistill.recipe.schema import HARMLESS_KEYS, Recipe

if TYPE_CHECKING:
    from selfdistill.steps.evaluation.systems import System

_NOT_OF_EVALUATION = (
    "base",
    "student",
    "grid",
    "baselines",
    "pass_at",
    "split",
    "limit",
    "since",
    "until",
    "benchmark",
)
_PROBLEMS = ("split", "limit", "since", "until", "benchmark")


@dataclass(frozen=True, slots=True)
class Cell:
    """One run: its directory's name, and its recipe, seed included."""

    name: str
    """Fit for a directory's name, e.g. `T0.7-k20-p0.8/seed-0`."""
    recipe: Recipe


def sample_key(recipe: Recipe) -> str:
    """Of the samples. Soft targets are not in it: they come beside the samples and do not change them."""
    asks = asks_for_inputs(recipe.training)  # the model's inputs come with its samples
    return _digest(recipe, ("seed", "model", "engine", "prompts", "sampling", "rounds")) + ("+inputs" if asks else "")


def train_key(recipe: Recipe) -> str:
    """Of the student."""
    return _digest(recipe, ("seed", "model", "engine", "prompts", "sampling", "training", "rounds"))


def system_key(recipe: Recipe, system: System) -> str:
    """Of one system's completions and verdicts."""
    model = train_key(recipe) if system.model == "student" else "base"
    stages = [stage.model_dump(mode="json") for stage in system.stages]
    settings = recipe.evaluation.model_dump(mode="json")
    evaluation = {key: value for key, value in settings.items() if key not in _NOT_OF_EVALUATION or key in _PROBLEMS}
    render = recipe.prompts.model_dump(mode="json", include={"template", "chat", "system", "chat_template_arguments"})
    common = _digest(recipe, ("seed", "model", "engine"))
    return _hash([model, stages, evaluation, render, common])


def _digest(recipe: Recipe, sections: tuple[str, ...]) -> str:
    tree = recipe.model_dump(mode="json", include=set(sections))
    for key in HARMLESS_KEYS:
        section, _, leaf = key.partition(".")
        if isinstance(tree.get(section), dict):
            tree[section].pop(leaf, None)
    return _hash(tree)


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
