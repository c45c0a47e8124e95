"""The `livecodebench` rules: all tests of a program in one process, as the official harness runs them.

The child (`inside/livecodebench.py`) answers test by test; the comparison is made on the host (`checks.py`).
"""

from __future__ import annotations

from collections.abc import Iterator

from selfdistill.grading.checker import Checker
from selfdistill.grading.checks import check_replies
from selfdistill.grading.ended import Result, RunJob
from selfdistill.grading.outcomes import failure, stopped
from selfdistill.grading.replies import split_replies
from selfdistill.records import CallCase, CallTests, Outcome, StdinCase, StdinTests


def livecodebench_results(
    run_job: RunJob, checker: Checker, program: bytes, tests: StdinTests | CallTests
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
    run = run_job(job, tests=len(cases))
    replies = split_replies(run.reply, len(cases))
    spent = run.seconds / max(1, len(replies))  # of one test's limit
    results, checking = checker.check(len(run.reply), spent, check_replies, cases, replies, run.report)
    seconds = (run.seconds + checking) / max(1, len(results))
    for result in results:
        yield result, seconds
    if len(replies) < len(cases) and all(outcome is Outcome.PASSED for outcome, _detail in results):
        no_reply = (Outcome.EXCEPTION, "no solution") if is_call and not run.reply else failure(b"", run.report)
        yield (stopped(run.ended) if run.ended != "exit" else no_reply), 0.0 if results else seconds
