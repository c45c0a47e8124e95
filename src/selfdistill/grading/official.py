"""The `livecodebench` rules: all tests of a program in one process, as the official harness runs them.

The child (`inside/livecodebench.py`) answers test by test; the comparison is made on the host (`checks.py`).
"""

from __future__ import annotations

from collections.abc import Iterator

from selfdistill.grading import jobs
from selfdistill.grading.checker import Checker
from selfdistill.grading.checks import check_replies
from selfdistill.grading.inside import livecodebench
from selfdistill.grading.limits import Limits
from selfdistill.grading.outcomes import Result, failure, stopped
from selfdistill.grading.sandbox import Sandbox
from selfdistill.records import CallCase, CallTests, Outcome, StdinCase, StdinTests


def livecodebench_results(
    sandbox: Sandbox, checker: Checker, program: bytes, tests: StdinTests | CallTests, limits: Limits
) -> Iterator[tuple[Result, float]]:
    """Outcome, detail and seconds of each test up to the first that fails, as in the official harness."""
    is_call = isinstance(tests, CallTests)
    cases: tuple[StdinCase | CallCase, ...] = tests.cases
    job = {
        "kind": "livecodebench",
        "program": program,
        "entry_point": tests.entry_point if isinstance(tests, CallTests) else None,
        "tests": [case.args if isinstance(case, CallCase) else case.input for case in cases],
        "prelude": True,
    }
    run = jobs.run_job(sandbox, job, limits, tests=len(cases))
    replies = split_replies(run.reply, len(cases))
    spent = run.seconds / max(1, len(replies))  # of one test's limit
    results, checking = checker.check(len(run.reply), spent, check_replies, cases, replies, run.report)
    seconds = (run.seconds + checking) / max(1, len(results))
    for result in results:
        yield result, seconds
    if len(replies) < len(cases) and all(outcome is Outcome.PASSED for outcome, _detail in results):
        no_reply = (Outcome.EXCEPTION, "no solution") if is_call and not run.reply else failure(b"", run.report)
        yield (stopped(run.ended) if run.ended != "exit" else no_reply), 0.0 if results else seconds


def split_replies(data: bytes, most: int) -> list[bytes]:
    """The first `most` replies of a job, each with its length in front; an incomplete last one is left out.

    Reads no further: what else a program has written there is not looked at, however much it is.
    """
    replies: list[bytes] = []
    at = len(livecodebench.LOADED) if data.startswith(livecodebench.LOADED) else 0
    while len(replies) < most and at + 4 <= len(data):
        end = at + 4 + int.from_bytes(data[at : at + 4], "little")
        if end > len(data):
            break
        replies.append(data[at + 4 : end])
        at = end
    return replies
