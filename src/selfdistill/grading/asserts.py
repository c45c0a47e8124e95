"""Run an assertion script that is a plain list of assertions as calls: no script process, no talk between two.

The meaning is the script's: one process for the program, the calls in order, Python's own comparisons without
tolerance, the first assertion that fails decides. They are evaluated on the host; `assertions.py` says which they are,
and why that is safe.
"""

from __future__ import annotations

from selfdistill.grading.assertions import assertions_of
from selfdistill.grading.checker import Checker
from selfdistill.grading.checks import check_assertions
from selfdistill.grading.ended import Result, RunJob
from selfdistill.grading.outcomes import failure, stopped
from selfdistill.grading.replies import split_replies
from selfdistill.records import AssertTests, Outcome


def run_calls(run_job: RunJob, checker: Checker, program: bytes, tests: AssertTests) -> tuple[Result | None, float]:
    """Run the calls of all assertions in one process under one time limit. `assertions_of(tests)` is not None.

    Returns:
        the result of the script, and the seconds that were used; no result where an assertion that is more than an
        equality met an answer that is not plain data (a match object, a generator): only the script itself can say what
        holds for that.
    """
    assertions = assertions_of(tests) or ()
    calls = [(call.name, call.args, call.kwargs) for each in assertions for call in each.calls]
    equality = [each.equality for each in assertions for _call in each.calls]
    run = run_job({"kind": "calls", "program": program, "calls": calls})
    replies = split_replies(run.reply, len(calls))
    answered = next((at for at, reply in enumerate(replies) if reply[:1] != b"R"), len(replies))
    results, seconds = checker.check(len(run.reply), run.seconds, check_assertions, tests, replies[:answered])
    seconds += run.seconds
    if results and results[-1][0] is not Outcome.PASSED:
        return results[-1], seconds
    if answered < len(replies):
        bad = replies[answered]
        return (None if bad[:1] == b"N" and not equality[answered] else failure(bad, run.report)), seconds
    if run.ended != "exit":
        return stopped(run.ended), seconds
    return ((Outcome.PASSED, "") if len(replies) == len(calls) else failure(b"", run.report)), seconds
