"""Assertion scripts that are only a list of `assert f(literals) == literal`: read them as calls, run no script at all.

That is most of HumanEval and MBPP, and saves a talk between two processes. The meaning is the script's: one process,
the calls in order, Python's `==` without tolerance, the first that fails decides. The comparison is made on the host.
Scripts that hold anything else give None here and run as scripts.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from selfdistill.grading import jobs
from selfdistill.grading.inside import plain
from selfdistill.grading.limits import Limits
from selfdistill.grading.official import split_replies
from selfdistill.grading.outcomes import Result, failure, stopped
from selfdistill.grading.sandbox import Sandbox
from selfdistill.records import AssertTests, Outcome


@dataclass(frozen=True, slots=True)
class _Call:
    name: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    expected: Any
    line: int


def calls_of(tests: AssertTests) -> tuple[_Call, ...] | None:
    """The calls that a script consists of, or None if it is more than that."""
    return _calls(tests.script, tests.entry_point, tests.setup)


@lru_cache(maxsize=4096)
def _calls(script: str, entry_point: str | None, setup: str) -> tuple[_Call, ...] | None:
    try:
        body = ast.parse(script).body
        if entry_point is not None:
            body = _body_of_check(body)
            calls = tuple(_call(node, "candidate") for node in _statements(body))
            named = tuple(_renamed(call, entry_point) for call in calls)
        else:
            named = tuple(_call(node, None) for node in _statements(body))
            if any(hasattr(builtins, call.name) and f"import {call.name}" not in setup for call in named):
                return None
    except (ValueError, SyntaxError, RecursionError):
        return None
    return named or None


def _renamed(call: _Call, name: str) -> _Call:
    return _Call(name, call.args, call.kwargs, call.expected, call.line)


def _body_of_check(body: list[ast.stmt]) -> list[ast.stmt]:
    """The statements of `check(candidate)`, where the script defines that and, besides it, only constants."""
    checks = [node for node in body if isinstance(node, ast.FunctionDef)]
    for node in body:
        if not isinstance(node, (ast.FunctionDef, ast.Assign)):
            raise ValueError("more than a check")
        if isinstance(node, ast.Assign):
            ast.literal_eval(node.value)
    if len(checks) != 1 or checks[0].name != "check" or [arg.arg for arg in checks[0].args.args] != ["candidate"]:
        raise ValueError("no plain check(candidate)")
    return checks[0].body


def _statements(body: list[ast.stmt]) -> Iterator[ast.Assert]:
    """The assertions; `assert True` says nothing and may be left out, a docstring too."""
    for node in body:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        if not isinstance(node, ast.Assert):
            raise ValueError("not an assertion")
        if isinstance(node.test, ast.Constant) and node.test.value is True:
            continue
        if node.msg is not None:
            ast.literal_eval(node.msg)
        yield node


def _call(node: ast.Assert, name: str | None) -> _Call:
    test = node.test
    if not (isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], ast.Eq)):
        raise ValueError("not an equality")
    call = test.left
    if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and name in (None, call.func.id)):
        raise ValueError("not a call")
    keywords = {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords if keyword.arg is not None}
    if len(keywords) != len(call.keywords):
        raise ValueError("keywords from a dict")
    args = tuple(ast.literal_eval(argument) for argument in call.args)
    return _Call(call.func.id, args, keywords, ast.literal_eval(test.comparators[0]), node.lineno)


def run_calls(sandbox: Sandbox, program: bytes, calls: tuple[_Call, ...], limits: Limits) -> tuple[Result, float]:
    """Run a script's calls in one process under one time limit; the result of the script, and its seconds."""
    job = {"kind": "calls", "program": program, "calls": [(call.name, call.args, call.kwargs) for call in calls]}
    run = jobs.run_job(sandbox, job, limits)
    replies = split_replies(run.reply)
    for call, reply in zip(calls, replies, strict=False):
        if reply[:1] != b"R":
            return failure(reply, run.report), run.seconds
        try:
            same = plain.decode(reply[1:]) == call.expected
        except plain.NotPlainError as error:
            return (Outcome.WRONG_ANSWER, f"the answer is not plain data: {error}"), run.seconds
        if not same:
            return (Outcome.WRONG_ANSWER, f"assertion at line {call.line} of the test script"), run.seconds
    if run.ended != "exit":
        return stopped(run.ended), run.seconds
    if len(replies) < len(calls):
        return failure(b"", run.report), run.seconds
    return (Outcome.PASSED, ""), run.seconds
