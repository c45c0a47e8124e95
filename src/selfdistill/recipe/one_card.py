"""Built-in recipes of models that people run on one card: one table, `models.yaml`, and one template, `one_card.yaml`.

selfdistill recipes qwen2.5-coder-0.5b
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from string import Template
from typing import Any

import yaml

LEARNING_RATE = {"full": 5e-6, "lora": 1e-4, "qlora": 1e-4}
"""By `TrainingSettings.method`. All weights: the paper's."""


@dataclass(frozen=True, slots=True)
class KnownModel:
    """A row of the table; the table's head says where its numbers are from."""

    title: str
    path: str
    """On the hub."""
    parameters: int
    config: Mapping[str, Any]
    """Of its config.json, what sizes depend on."""
    base: Mapping[str, float]
    """The decoding that its makers recommend."""
    base_from: str
    card: Mapping[str, Any]
    """What fits 24 GB."""
    chat_template_arguments: Mapping[str, Any] | None = None


@cache
def known_models() -> Mapping[str, KnownModel]:
    """By the recipe's name."""
    rows = yaml.safe_load(_read("models.yaml"))
    return {name: KnownModel(**row) for name, row in rows.items()}


def known_model(path: str) -> KnownModel | None:
    """By its name on the hub."""
    return next((model for model in known_models().values() if model.path == path), None)


def one_card_text(name: str) -> str:
    """The recipe's YAML."""
    model = known_models()[name]
    card = model.card
    return Template(_read("one_card.yaml")).substitute(
        card,
        name=name,
        title=model.title,
        path=model.path,
        shard=4 * card["rows"],
        chat_template_arguments=json.dumps(model.chat_template_arguments or {}),
        learning_rate=f"{LEARNING_RATE[card['method']]:.1e}",
        base=json.dumps(model.base),
        base_from=model.base_from,
        temperature=model.base["temperature"],
    )


def _read(name: str) -> str:
    return (resources.files("selfdistill.recipe") / name).read_text(encoding="utf-8")
