"""Structured text: is the answer one JSON document, and does the schema accept it? Nothing is executed, so no sandbox;
but a schema's patterns and unique items can take for ever, so the grader runs this in a process that it can kill.

`jsonschema` decides. The text is whatever a model wrote: of any depth, with numbers of any length.
"""

from __future__ import annotations

import json
import math
from collections.abc import Hashable, Iterator
from fractions import Fraction
from typing import Any

import jsonschema

from selfdistill.grading.ended import Result
from selfdistill.records import Outcome


def judge_document(text: str, schema: dict[str, Any]) -> Result:
    """`passed`, `wrong answer` with the rule that it breaks, or `syntax error` for what is no JSON.

    NaN and Infinity are no JSON (RFC 8259), although Python reads them.
    """
    try:
        document = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        return Outcome.SYNTAX_ERROR, type(error).__name__
    try:
        fault = next(_Validator(schema).iter_errors(document), None)
    except RecursionError:
        return Outcome.WRONG_ANSWER, "RecursionError"
    if fault is None:
        return Outcome.PASSED, ""
    return Outcome.WRONG_ANSWER, f"{fault.validator} at {fault.json_path}"[:200]


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _unique_items(_validator: Any, unique: bool, items: Any, _schema: Any) -> Iterator[jsonschema.ValidationError]:
    """`uniqueItems` in linear time; jsonschema compares every pair of objects."""
    if unique and isinstance(items, list) and len({_key(item) for item in items}) < len(items):
        yield jsonschema.ValidationError("has non-unique elements")


def _key(value: Any) -> Hashable:
    """Equal for what JSON Schema calls equal: numbers by value, true and false as no numbers, objects in any order."""
    if isinstance(value, dict):
        return frozenset((name, _key(item)) for name, item in value.items())
    if isinstance(value, list):
        return tuple(map(_key, value))
    return (bool, value) if isinstance(value, bool) else value


def _multiple_of(validator: Any, divisor: float, number: Any, _schema: Any) -> Iterator[jsonschema.ValidationError]:
    """`multipleOf` on numbers as they are written: 0.07 is seven times 0.01. jsonschema divides floats, which rounds,
    and raises on an int that is beyond them."""
    if not validator.is_type(number, "number"):
        return
    # Beyond the floats, such as 1e999, Python reads an infinity.
    if (isinstance(number, float) and math.isinf(number)) or Fraction(repr(number)) % Fraction(repr(divisor)):
        yield jsonschema.ValidationError("is not a multiple")


_Validator = jsonschema.validators.extend(
    jsonschema.Draft202012Validator, {"uniqueItems": _unique_items, "multipleOf": _multiple_of}
)
