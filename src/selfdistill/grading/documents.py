"""Structured text: is the answer one JSON document, and does the schema accept it? Nothing is executed, so no sandbox.

`jsonschema` decides. The text is whatever a model wrote: of any depth, with numbers of any length.
"""

from __future__ import annotations

import json
from typing import Any

import jsonschema

from selfdistill.grading.outcomes import Result
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
        fault = next(jsonschema.Draft202012Validator(schema).iter_errors(document), None)
    except RecursionError:
        return Outcome.WRONG_ANSWER, "RecursionError"
    if fault is None:
        return Outcome.PASSED, ""
    return Outcome.WRONG_ANSWER, f"{fault.validator} at {fault.json_path}"[:200]


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
