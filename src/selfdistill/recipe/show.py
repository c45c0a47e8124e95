"""A built-in recipe as a file to start from: first the keys that people change first, then all others.

The file holds every key by its dotted name, one a line; those that have their defaults, below the line, as comments.
Read back it is the same recipe.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from selfdistill.recipe.decoding import Decoding
from selfdistill.recipe.load import load_recipe, recipe_text
from selfdistill.recipe.reference import field_meanings
from selfdistill.recipe.schema import Recipe
from selfdistill.recipe.section import is_section

HEAD = ("name", "description")
FIRST = (
    "seed",
    "model.path",
    "engine.kind",
    "prompts.source",
    "prompts.limit",
    "sampling.decoding",
    "sampling.max_new_tokens",
    "training.targets",
    "training.method",
    "training.steps",
    "training.epochs",
    "training.learning_rate",
    "evaluation.benchmark",
    "evaluation.base",
    "evaluation.student",
)
"""The keys that people change first."""


def shown_recipe(name: str) -> str:
    """A recipe's file.

    Raises:
        UserError: there is no such recipe.
    """
    recipe, keys = load_recipe(name), dict(_keys(Recipe, ""))
    values = recipe.model_dump(mode="json")
    first = [(_line(key, values), _gist(*keys[key])) for key in FIRST]
    width = max(len(line) for line, _ in first)
    rest = [key for key in keys if key not in HEAD + FIRST]
    return "\n".join(
        [
            *(line.strip() for line in recipe_text(name).splitlines() if line.strip().startswith("#")),
            *(_line(key, values) for key in HEAD),
            "",
            *(f"{line:<{width}}  # {gist}" for line, gist in first),
            "",
            "# ---- The rest; what has its default is a comment. docs/recipe.md says what each key means. ----",
            *(_line(key, values) if _is_set(key, keys[key][1], values) else f"# {_line(key, values)}" for key in rest),
            "",
        ]
    )


def _keys(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, tuple[type[BaseModel], FieldInfo]]]:
    """Every key by its dotted name, with its section; a decoding is one key."""
    for name, field in model.model_fields.items():
        section: Any = field.annotation
        if is_section(section) and section is not Decoding:
            yield from _keys(section, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", (model, field)


def _value(key: str, values: dict[str, Any]) -> Any:
    for part in key.split("."):
        values = values[part]
    return values


def _line(key: str, values: dict[str, Any]) -> str:
    flow: dict[str, Any] = {"default_flow_style": True, "sort_keys": False, "width": 10**6, "allow_unicode": True}
    text = yaml.safe_dump(_value(key, values), **flow).removesuffix("\n").removesuffix("...").strip()
    return f"{key}: {text}"


def _is_set(key: str, field: FieldInfo, values: dict[str, Any]) -> bool:
    if field.is_required():
        return True
    default = field.get_default(call_default_factory=True)
    return _value(key, values) != (list(default) if isinstance(default, tuple) else default)


def _gist(section: type[BaseModel], field: FieldInfo) -> str:
    """The first sentence of a key's meaning."""
    name = next(name for name, each in section.model_fields.items() if each is field)
    return field_meanings(section)[name].partition(". ")[0].removesuffix(".").replace("\\|", "|")
