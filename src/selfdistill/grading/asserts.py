"""Run an assertion script that is a plain list of assertions as calls: no script process, no talk between two.

The meaning is the script's: one process for the program, the calls in order, Python's own comparisons without
tolerance, the first assertion that fails decides. They are evaluated on the host; `assertions.py` says which they are,
and why that is safe.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from selfdistill.grading import jobs
from selfdistill.grading.assertions import Assertion
from selfdistill.grading.inside import plain
from selfdistill.grading.limits import Limits
from selfdistill.grading.official import split_replies
from selfdistill.grading.outcomes import Result, failure, stopped
from selfdistill.grading.sandbox import Sandbox
from selfdistill.records import Outcome


def run_calls(
    sandbox: Sandbox, program: bytes, assertions: Sequence[Assertion], limits: Limits
) -> tuple[Result, float] | None:
    """Run the calls of all assertions in one process under one time limit.

    Returns:
        the result of the script, and its seconds; None where an assertion that is more than an equality met an answer
        that is not plain data (a match object, a generator): only the script itself can say what holds for that.
    """
    calls = [(call.name, call.args, call.kwargs) for each in assertions for call in each.calls]
    run = jobs.run_job(sandbox, {"kind": "calls", "program": program, "calls": calls}, limits)
    replies = iter(split_replies(run.reply, len(calls)))
    for assertion in assertions:
        own = _take(replies, len(assertion.calls))
        bad = next((reply for reply in own if reply[:1] != b"R"), None)
        if bad is not None:
            if bad[:1] == b"N" and not assertion.equality:
                return None
            return failure(bad, run.report), run.seconds
        if len(own) < len(assertion.calls):
            break
        result = _judge(assertion, own)
        if result is not None:
            return result, run.seconds
    else:
        if run.ended == "exit":
            return (Outcome.PASSED, ""), run.seconds
    return (stopped(run.ended) if run.ended != "exit" else failure(b"", run.report)), run.seconds


def _take(replies: Iterator[bytes], count: int) -> list[bytes]:
    return [reply for _, reply in zip(range(count), replies, strict=False)]


def _judge(assertion: Assertion, replies: Sequence[bytes]) -> Result | None:
    """How an assertion failed, or None."""
    try:
        results = [plain.decode(reply[1:]) for reply in replies]
        holds = assertion.holds(results)
    except plain.NotPlainError as error:
        return Outcome.WRONG_ANSWER, f"the answer is not plain data: {error}"
    except Exception as error:  # as it would end the script
        return Outcome.EXCEPTION, type(error).__name__
    return None if holds else (Outcome.WRONG_ANSWER, f"assertion at line {assertion.line} of the test script")
