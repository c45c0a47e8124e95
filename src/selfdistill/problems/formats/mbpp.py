"""MBPP rows, full and sanitized: `task_id`, `text` or `prompt`, `code`, `test_list`, and imports or set-up code."""

from __future__ import annotations

import ast
import builtins
from typing import Any

from selfdistill.problems.formats.hub import Hub
from selfdistill.records import AssertTests, Problem

HUB = {
    "mbpp": Hub("google-research-datasets/mbpp", {"name": "full", "split": "test"}),
    "mbpp-sanitized": Hub(
        "google-research-datasets/mbpp", {"name": "sanitized", "split": "prompt+train+validation+test"}
    ),
    "mbpp+": Hub("evalplus/mbppplus"),
}


def fits(row: dict[str, Any]) -> bool:
    """Whether a row is of this format."""
    return "test_list" in row


def problem(row: dict[str, Any]) -> Problem:
    """One problem. Raises KeyError for a missing field."""
    text = str(row["prompt"] if "prompt" in row else row["text"]).strip()
    asserts = "\n".join(row["test_list"])
    # MBPP+ as the hub has it adds a whole test script, which covers more than the three asserts.
    script = row.get("test") or "\n".join([*row["test_list"], *(row.get("challenge_test_list") or [])])
    setup = "\n".join([*(row.get("test_imports") or []), row.get("test_setup_code") or ""])
    return Problem(
        task_id=_task_id(row["task_id"]),
        statement=f"{text}\nYour code should pass these tests:\n\n{asserts}\n",
        tests=AssertTests(
            script, setup=setup + _imports(row["code"], script) + _names_like_builtins(row["code"], asserts)
        ),
        reference=row["code"],
        metadata={"task": text, "first_test": row["test_list"][0]},
    )


def _task_id(task_id: int | str) -> str:
    return f"MBPP/{task_id}" if isinstance(task_id, int) or task_id.isdigit() else task_id


def _imports(code: str, script: str) -> str:
    """What the script uses of the reference's imports (`sys` in MBPP/596): else it would be the program's."""
    try:
        used = {node.id for node in ast.walk(ast.parse(script)) if isinstance(node, ast.Name)}
        imports = [node for node in ast.parse(code).body if isinstance(node, (ast.Import, ast.ImportFrom))]
    except SyntaxError:
        return ""
    lines = []
    for node in imports:
        node.names = [name for name in node.names if (name.asname or name.name.partition(".")[0]) in used]
        lines += [ast.unparse(node)] if node.names else []
    return "".join(f"\n{line}" for line in lines)


def _names_like_builtins(code: str, asserts: str) -> str:
    """An import of the functions that are called like a built-in one (`sum`), which a script would take for that."""
    try:
        defined = {node.name for node in ast.parse(code).body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
        used = {node.id for node in ast.walk(ast.parse(asserts)) if isinstance(node, ast.Name)}
    except SyntaxError:
        return ""
    names = sorted(name for name in defined & used if hasattr(builtins, name))
    return f"\nfrom solution import {', '.join(names)}\n" if names else ""
