"""HumanEval rows: `task_id`, `prompt`, `canonical_solution`, `test` (defines `check(candidate)`), `entry_point`."""

from __future__ import annotations

import ast
from typing import Any

from selfdistill.problems.formats.hub import Hub
from selfdistill.records import AssertTests, Problem

HUB = {"humaneval": Hub("openai/openai_humaneval"), "humaneval+": Hub("evalplus/humanevalplus")}


def fits(row: dict[str, Any]) -> bool:
    """Whether a row is of this format."""
    return "canonical_solution" in row and "test" in row


def problem(row: dict[str, Any]) -> Problem:
    """One problem. Raises KeyError for a missing field."""
    prompt, entry_point = row["prompt"], row["entry_point"]
    for name in ("prompt", "entry_point", "test", "canonical_solution"):
        if not isinstance(row[name], str):
            raise ValueError(f"{name} is not text")
    preamble = preamble_of(prompt, entry_point)
    return Problem(
        task_id=str(row["task_id"]),
        statement=prompt,
        # The check of HumanEval/32, 38 and 50 calls helpers that the prompt defines. They come from the prompt: the
        # program's own could answer anything.
        tests=AssertTests(row["test"], entry_point, setup=preamble),
        program_prefix=prompt,
        reference=prompt + row["canonical_solution"],
        metadata={"preamble": preamble},
    )


def preamble_of(prompt: str, entry_point: str) -> str:
    """What a prompt imports and defines besides the function that is asked for."""
    try:
        body = ast.parse(prompt).body
    except SyntaxError:
        return ""
    others = [node for node in body if not (isinstance(node, ast.FunctionDef) and node.name == entry_point)]
    return "\n".join(ast.unparse(node) for node in others)
