"""EvalPlus rows as its releases have them: inputs without outputs; the reference solution gives the outputs.

Fields: `task_id`, `prompt`, `entry_point`, `canonical_solution`, `base_input`, `plus_input`. The reference runs in the
sandbox, as it comes from a file. Floats are compared with 1e-6, EvalPlus's own default. (The hub's sets carry test
scripts instead, and load as HumanEval and MBPP rows.)
"""

from __future__ import annotations

from typing import Any

from selfdistill.grading.reference import call_reference
from selfdistill.problems.formats.evalplus_mbpp import also_right, arguments, comparison
from selfdistill.problems.formats.hub import Hub
from selfdistill.problems.formats.humaneval import preamble_of
from selfdistill.records import CallCase, CallTests, Problem

HUB: dict[str, Hub] = {}


def fits(row: dict[str, Any]) -> bool:
    """Whether a row is of this format."""
    return "base_input" in row


def problem(row: dict[str, Any]) -> Problem:
    """One problem, its expected results computed. Raises KeyError for a missing field, ValueError for a failing one."""
    prompt, entry_point = row["prompt"], row["entry_point"]
    is_completion = f"def {entry_point}" in prompt
    reference = (prompt if is_completion else "") + row["canonical_solution"]
    task_id = str(row["task_id"])
    compare = comparison(task_id, entry_point)
    if compare == "is given":  # what the reference gives is no plain data
        reference += f"\n_given = {entry_point}\ndef {entry_point}(*args):\n    return _given(*args) is not None\n"
    inputs = [arguments(task_id, given) for given in [*row["base_input"], *(row.get("plus_input") or [])]]
    results = call_reference(reference, entry_point, inputs)
    preamble = {"preamble": preamble_of(prompt, entry_point)} if is_completion else {}
    cases = tuple(
        CallCase(inputs[position], result, also_right(task_id, entry_point, inputs[position]))
        for position, result in results
    )
    return Problem(
        task_id=task_id,
        statement=prompt,
        tests=CallTests(entry_point, cases, compare),
        program_prefix=prompt if is_completion else "",
        reference=reference,
        metadata={**preamble, "base_cases": sum(position < len(row["base_input"]) for position, _ in results)},
    )
