"""Forty plain instructions whose answer is one JSON document with a checkable format, for what a student may unlearn.

They need no program: an answer is right if the schema accepts it, which here means that it follows the form that was
asked for and gives the few facts that leave no room. Written for this experiment; none is from a benchmark.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from selfdistill.records import Problem, SchemaTests

ASK = "Answer with one JSON document and nothing else."


def instructions() -> Iterator[Problem]:
    """The problems, `instructions/0` and so on."""
    for number, (text, schema) in enumerate((*_facts(), *_described(), *_listed(), *_written(), *_nested())):
        yield Problem(f"instructions/{number}", f"{text} {ASK}", SchemaTests(schema))


def _facts() -> Iterator[tuple[str, dict[str, Any]]]:
    """One key with the one right value."""
    for text, key, value in (
        ("What is 17 + 25? Give an object with the key `sum`.", "sum", 42),
        ("What is 12 times 12? Give an object with the key `product`.", "product", 144),
        ("How many days has a week? Give an object with the key `days`.", "days", 7),
        ("How many months has a year? Give an object with the key `months`.", "months", 12),
        ("How many letters has the word `python`? Give an object with the key `letters`.", "letters", 6),
        ("Which is larger, 9 or 14? Give an object with the key `larger`.", "larger", 14),
        ("What is half of 50? Give an object with the key `half`.", "half", 25),
        ("How many sides has a triangle? Give an object with the key `sides`.", "sides", 3),
        ("What is the capital of France? Give an object with the key `capital`.", "capital", "Paris"),
        ("What is the capital of Japan? Give an object with the key `capital`.", "capital", "Tokyo"),
        ("Write the word `hello` in upper case, as the value of the key `word`.", "word", "HELLO"),
        ("Write the word `WORLD` in lower case, as the value of the key `word`.", "word", "world"),
        ("Write the word `abc` backwards, as the value of the key `word`.", "word", "cba"),
        ("Is 7 a prime number? Give an object with the key `prime` and true or false.", "prime", True),
        ("Is 9 a prime number? Give an object with the key `prime` and true or false.", "prime", False),
        ("Is water a liquid at room temperature? Give an object with the key `liquid`: true or false.", "liquid", True),
        ("Sort 3, 1 and 2 from the smallest, as a list under the key `sorted`.", "sorted", [1, 2, 3]),
        ("List the first three even numbers above zero under the key `even`.", "even", [2, 4, 6]),
        ("List the vowels of the English alphabet in their order, in lower case, under the key `vowels`.", "vowels",
         ["a", "e", "i", "o", "u"]),
        ("List the letters of the word `cat` in their order under the key `letters`.", "letters", ["c", "a", "t"]),
    ):  # fmt: skip
        yield text, _object({key: {"const": value}})


_TEXT, _WHOLE, _FLAG = {"type": "string", "minLength": 1}, {"type": "integer"}, {"type": "boolean"}


def _described() -> Iterator[tuple[str, dict[str, Any]]]:
    """An object with these keys; what stands in it is free, as in all that follow."""
    yield (
        "Describe a person with the keys `name`, a text, and `age`, a whole number.",
        _object({"name": _TEXT, "age": _WHOLE}),
    )
    yield (
        "Describe a book with the keys `title`, `author`, both texts, and `pages`, a whole number.",
        _object({"title": _TEXT, "author": _TEXT, "pages": _WHOLE}),
    )
    yield (
        "Describe a point in the plane with the keys `x` and `y`, both numbers.",
        _object({"x": {"type": "number"}, "y": {"type": "number"}}),
    )


def _listed() -> Iterator[tuple[str, dict[str, Any]]]:
    """A list of so many different items."""
    for count, things, key in (
        (3, "colours", "colours"), (4, "fruits", "fruits"), (5, "animals", "animals"), (2, "planets", "planets"),
        (3, "programming languages", "languages"), (4, "cities", "cities"), (6, "first names", "names"),
    ):  # fmt: skip
        yield (
            f"Name exactly {count} different {things}, as a list of texts under the key `{key}`.",
            _object({key: _list(_TEXT, count)}),
        )
    yield (
        "Give a list of exactly five different whole numbers between 1 and 10.",
        _list({"type": "integer", "minimum": 1, "maximum": 10}, 5),
    )
    yield (
        "Give a list of exactly three texts, each of one word in lower case, all different.",
        _list({"type": "string", "pattern": "^[a-z]+$"}, 3),
    )


def _written() -> Iterator[tuple[str, dict[str, Any]]]:
    """A text of a form."""
    yield (
        "Say hello in one sentence of at most 40 characters, under the key `message`.",
        _object({"message": {"type": "string", "minLength": 1, "maxLength": 40}}),
    )
    yield (
        "Write a date of the year 2020 as YYYY-MM-DD under the key `date`.",
        _object({"date": {"type": "string", "pattern": r"^2020-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$"}}),
    )
    yield (
        "Give the colour red as a hexadecimal code such as #00ff00, under the key `red`.",
        _object({"red": {"type": "string", "pattern": "^#[fF]{2}0000$"}}),
    )


def _nested() -> Iterator[tuple[str, dict[str, Any]]]:
    """Objects in objects or lists, kinds of values, and the empty list."""
    yield (
        "Describe a task with the keys `task`, a text, `done`, true or false, and `priority`: low, medium or high.",
        _object({"task": _TEXT, "done": _FLAG, "priority": {"enum": ["low", "medium", "high"]}}),
    )
    yield (
        "Give a list of two people, each with the keys `name`, a text, and `age`, a whole number above 17.",
        _list(_object({"name": _TEXT, "age": {"type": "integer", "minimum": 18}}), 2),
    )
    yield (
        "Describe a shop with the keys `name`, a text, and `open`: an object with `from` and `to`, whole numbers.",
        _object({"name": _TEXT, "open": _object({"from": _WHOLE, "to": _WHOLE})}),
    )
    yield (
        "Map the words `one`, `two` and `three` to their numbers, as one object.",
        _object({"one": {"const": 1}, "two": {"const": 2}, "three": {"const": 3}}),
    )
    yield (
        "Give an empty list under the key `items` and the number 0 under the key `count`.",
        _object({"items": {"type": "array", "maxItems": 0}, "count": {"const": 0}}),
    )


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    """All of these keys and no others."""
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def _list(items: dict[str, Any], count: int) -> dict[str, Any]:
    return {"type": "array", "items": items, "minItems": count, "maxItems": count, "uniqueItems": True}
