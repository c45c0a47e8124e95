"""What is compared with what: each function takes what a program gave and what was expected, and returns a result.

They run in place or in a process of their own (`checker.py`), so everything here is a plain function over data that can
be pickled. They trust nothing about what a program gave but its size.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from selfdistill.grading.assertions import assertions_of
from selfdistill.grading.compare import call_matches, output_matches, value_matches
from selfdistill.grading.documents import judge_document
from selfdistill.grading.ended import Report, Result
from selfdistill.grading.inside import plain
from selfdistill.grading.limits import Rules
from selfdistill.grading.outcomes import failure
from selfdistill.records import AssertTests, CallCase, Compare, Outcome, StdinCase


def check_output(output: bytes, expected: str, rules: Rules) -> Result:
    """A program's standard output."""
    return _result(output_matches(output, expected, rules))


def check_call(reply: bytes, case: CallCase, compare: Compare, rules: Rules) -> Result:
    """What a call gave, as plain data behind its tag."""
    if compare == "is given" and reply[:1] == b"N":
        return _result(call_matches(True, case, compare, rules))  # no plain data, such as a match: it is something
    try:
        return _result(call_matches(plain.decode(reply[1:]), case, compare, rules))
    except plain.NotPlainError as error:
        return not_plain(error)


def check_value(reply: bytes, expected: Any) -> Result:
    """The value of a predicted expression, or what the function gave for predicted arguments."""
    try:
        return _result(bool(plain.decode(reply[1:]) == expected))
    except plain.NotPlainError as error:
        return not_plain(error)


def check_document(text: str, schema: dict[str, Any]) -> Result:
    """A JSON document; `jsonschema` is imported where this runs."""
    return judge_document(text, schema)


def check_compiles(program: str) -> Result:
    """Whether it compiles, which is as costly as its text wants: nested `finally` blocks double their code each."""
    try:
        compile(program, "program", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError) as error:
        return Outcome.SYNTAX_ERROR, type(error).__name__
    return Outcome.PASSED, ""


def check_replies(cases: Sequence[StdinCase | CallCase], replies: Sequence[bytes], report: Report) -> list[Result]:
    """The replies of one process to several tests under `livecodebench` rules, up to the first that is wrong."""
    results: list[Result] = []
    for case, reply in zip(cases, replies, strict=False):
        results.append(_check_reply(case, reply, report))
        if results[-1][0] is not Outcome.PASSED:
            break
    return results


def _check_reply(case: StdinCase | CallCase, reply: bytes, report: Report) -> Result:
    if reply[:1] != b"R":
        return failure(reply, report)
    try:
        value = plain.decode(reply[1:])
    except plain.NotPlainError as error:
        return not_plain(error)
    if isinstance(case, CallCase):
        return _result(value_matches(value, case.expected, "livecodebench"))
    if type(value) is not str:
        return _result(False)
    return check_output(value.encode("utf-8", "surrogatepass"), case.output, "livecodebench")


def check_assertions(tests: AssertTests, replies: Sequence[bytes]) -> list[Result]:
    """The assertions that these replies decide, up to the first that fails. Every reply is an answer."""
    left, results = list(replies), []
    for assertion in assertions_of(tests) or ():
        own, left = left[: len(assertion.calls)], left[len(assertion.calls) :]
        if len(own) < len(assertion.calls):
            break
        try:
            holds = assertion.holds([plain.decode(reply[1:]) for reply in own])
        except plain.NotPlainError as error:
            results.append(not_plain(error))
        except (MemoryError, RecursionError):
            raise
        except Exception as error:  # as it would end the script
            results.append((Outcome.EXCEPTION, type(error).__name__))
        else:
            failed = Outcome.WRONG_ANSWER, f"assertion at line {assertion.line} of the test script"
            results.append((Outcome.PASSED, "") if holds else failed)
        if results[-1][0] is not Outcome.PASSED:
            break
    return results


def not_plain(error: plain.NotPlainError) -> Result:
    """The result of an answer that is not plain data."""
    return Outcome.WRONG_ANSWER, f"the answer is not plain data: {error}"


def _result(right: bool) -> Result:
    return (Outcome.PASSED if right else Outcome.WRONG_ANSWER), ""
