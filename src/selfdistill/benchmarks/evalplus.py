"""EvalPlus rows as its releases have them: inputs without outputs; the reference solution gives the outputs.

Fields: `task_id`, `prompt`, `entry_point`, `canonical_solution`, `base_input`, `plus_input`. The reference runs in the
sandbox, as it comes from a file. Floats are compared with 1e-6, EvalPlus's own default. (The hub's sets carry test
scripts instead, and load as HumanEval and MBPP rows.)
"""

from __future__ import annotations

from typing import Any

from selfdistill.benchmarks.humaneval import preamble_of
from selfdistill.records import CallCase, CallTests, Problem


def problem(row: dict[str, Any]) -> Problem:
    """One problem, its expected results computed. Raises KeyError for a missing field, ValueError for a failing one."""
    from selfdistill.grading.reference import call_reference

    prompt, entry_point = row["prompt"], row["entry_point"]
    is_completion = f"def {entry_point}" in prompt
    reference = (prompt if is_completion else "") + row["canonical_solution"]
    inputs = [tuple(arguments) for arguments in [*row["base_input"], *(row.get("plus_input") or [])]]
    outputs = call_reference(reference, entry_point, inputs)
    preamble = {"preamble": preamble_of(prompt, entry_point)} if is_completion else {}
    cases = tuple(CallCase(arguments, output) for arguments, output in zip(inputs, outputs, strict=True))
    return Problem(
        task_id=str(row["task_id"]),
        statement=prompt,
        tests=CallTests(entry_point, cases),
        program_prefix=prompt if is_completion else "",
        reference=reference,
        metadata={**preamble, "base_cases": len(row["base_input"])},
    )
