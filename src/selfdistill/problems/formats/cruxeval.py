"""CRUXEval rows: `code` (defines `f`), `input` (the arguments), `output`, `id`. Each asks for one of the two
sides: `target`, `input` or `output`, which the row may say, and else is `output`."""

from __future__ import annotations

from typing import Any, Literal

from selfdistill.problems.formats.hub import Hub
from selfdistill.records import PredictionTests, Problem

HUB = {
    "cruxeval-i": Hub("cruxeval-org/cruxeval", fields={"target": "input"}),
    "cruxeval-o": Hub("cruxeval-org/cruxeval", fields={"target": "output"}),
}


def fits(row: dict[str, Any]) -> bool:
    """Whether a row is of this format."""
    return {"code", "input", "output"} <= row.keys()


def problem(row: dict[str, Any]) -> Problem:
    """One problem. Raises KeyError for a missing field."""
    target: Literal["input", "output"] = row.get("target", "output")
    code, arguments, output = row["code"], row["input"], row["output"]
    given, wanted = (arguments, output) if target == "output" else (output, arguments)
    question = f"assert f({arguments}) == ??" if target == "output" else f"assert f(??) == {output}"
    return Problem(
        task_id=f"CRUXEval-{target[0]}/{str(row['id']).removeprefix('sample_')}",
        statement=f"{code}\n\n{question}\n",
        tests=PredictionTests(target, function=code, given=given, expected=output),
        reference=wanted,
    )
