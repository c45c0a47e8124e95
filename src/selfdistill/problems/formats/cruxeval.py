"""CRUXEval rows: `code` (defines `f`), `input` (the arguments), `output`, `id`. Each asks for one of the two sides."""

from __future__ import annotations

from typing import Any, Literal

from selfdistill.records import PredictionTests, Problem


def problem(row: dict[str, Any], target: Literal["input", "output"]) -> Problem:
    """One problem. Raises KeyError for a missing field."""
    code, arguments, output = row["code"], row["input"], row["output"]
    given, wanted = (arguments, output) if target == "output" else (output, arguments)
    question = f"assert f({arguments}) == ??" if target == "output" else f"assert f(??) == {output}"
    return Problem(
        task_id=f"CRUXEval-{target[0]}/{str(row['id']).removeprefix('sample_')}",
        statement=f"{code}\n\n{question}\n",
        tests=PredictionTests(target, function=code, given=given, expected=output),
        reference=wanted,
    )
