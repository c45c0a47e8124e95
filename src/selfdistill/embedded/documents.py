"""Structured text: write a JSON document that fits a small schema described in a comment line.

A family beside programs: present in pretraining, never among the SSD prompts of programs, checked with `jsonschema`.
SSD can be run on it too: `prompts` draws its own prompts.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from random import Random
from typing import Any

from selfdistill.embedded.splits import Split, split_of

NAMES = (
    "name",
    "age",
    "size",
    "tags",
    "ok",
    "color",
    "city",
    "count",
    "price",
    "rank",
    "level",
    "kind",
    "day",
    "flags",
)
WORDS = ("red", "blue", "green", "small", "large", "north", "south", "tea", "oak", "iron", "salt", "rose")


@dataclass(frozen=True, slots=True)
class JsonProblem:
    """A schema in words, and the schema itself."""

    task_id: str
    statement: str
    """The prompt: one comment line. The completion starts with a newline and is the document."""
    schema: dict[str, Any]
    difficulty: str
    """easy: two properties; medium: three; hard: four or five."""
    reference: str
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Property:
    """One property of a document: in words, and as a schema."""

    name: str
    words: str
    schema: dict[str, Any]


def draw(rng: Random, split: Split) -> tuple[Property, ...]:
    """Two to five properties of a document whose description belongs to the split."""
    while True:
        names = rng.sample(NAMES, rng.choice((2, 3, 3, 4, 4, 5)))
        properties = tuple(_property(name, rng) for name in names)
        if split_of(statement(properties)) == split:
            return properties


def statement(properties: tuple[Property, ...]) -> str:
    """The prompt, e.g. `# JSON: age is an integer from 3 to 7, ok is a boolean.`"""
    return f"# JSON: {', '.join(f'{each.name} is {each.words}' for each in properties)}."


def schema(properties: tuple[Property, ...]) -> dict[str, Any]:
    """JSON schema (2020-12) of an object with exactly these properties."""
    return {
        "type": "object",
        "properties": {each.name: each.schema for each in properties},
        "required": [each.name for each in properties],
        "additionalProperties": False,
    }


def write(properties: tuple[Property, ...], rng: Random) -> str:
    """A document that fits, as a completion: a newline, then one line of JSON."""
    return "\n" + json.dumps({each.name: _value(each.schema, rng) for each in properties})


def spoil(document: str, rng: Random) -> str:
    """The document with a character lost or doubled, or a number far off."""
    places = [place for place, character in enumerate(document) if character in '{}[],:"' or character.isdigit()]
    place = rng.choice(places)
    character = document[place]
    wrong = str(rng.randrange(10)) if character.isdigit() else rng.choice(("", character * 2))
    return document[:place] + wrong + document[place + 1 :]


def _property(name: str, rng: Random) -> Property:
    match rng.choice(("integer", "boolean", "enum", "integers", "string", "words")):
        case "integer":
            low = rng.randrange(0, 7)
            high = low + rng.randrange(1, 4)
            return Property(
                name, f"an integer from {low} to {high}", {"type": "integer", "minimum": low, "maximum": high}
            )
        case "boolean":
            return Property(name, "a boolean", {"type": "boolean"})
        case "enum":
            words = rng.sample(WORDS, 2)
            return Property(name, f"either {words[0]} or {words[1]}", {"enum": words})
        case "integers":
            count = rng.randrange(2, 5)
            items = {"type": "array", "items": {"type": "integer"}, "minItems": count, "maxItems": count}
            return Property(name, f"a list of {count} integers", items)
        case "string":
            length = rng.randrange(2, 5)
            return Property(
                name, f"a string of {length} letters", {"type": "string", "pattern": f"^[a-z]{{{length}}}$"}
            )
        case _:
            count = rng.randrange(1, 4)
            item = {"type": "string", "pattern": "^[a-z]+$"}
            items = {"type": "array", "items": item, "minItems": count, "maxItems": count}
            return Property(name, f"a list of {count} words", items)


def _value(rules: dict[str, Any], rng: Random) -> Any:
    if "enum" in rules:
        return rng.choice(rules["enum"])
    match rules["type"]:
        case "integer":
            return rng.randint(rules.get("minimum", 0), rules.get("maximum", 9))
        case "boolean":
            return rng.random() < 0.5
        case "array":
            return [_value(rules["items"], rng) for _ in range(rules["minItems"])]
        case _ if rules["pattern"] == "^[a-z]+$":
            return rng.choice(WORDS)
        case _:
            length = int(rules["pattern"].split("{")[1].split("}")[0])
            return "".join(rng.choice("abdeimnorst") for _ in range(length))
