"""From one submission to its verdict: which jobs to run for each kind of tests, and what their ends mean.

Runs on the host. Expected values are compared there (`checker.py`), or in the script sandbox for assertion scripts, and
never enter the sandbox that the program runs in.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from selfdistill.errors import HarnessError
from selfdistill.grading import jobs
from selfdistill.grading.assertions import assertions_of
from selfdistill.grading.asserts import run_calls
from selfdistill.grading.checker import IN_PLACE, Checker
from selfdistill.grading.checks import check_call, check_document, check_output, check_value
from selfdistill.grading.doctests import run_examples
from selfdistill.grading.ended import Report, Result, Run
from selfdistill.grading.limits import Isolation, Limits, Rules, Submission
from selfdistill.grading.official import livecodebench_results
from selfdistill.grading.outcomes import failure, stopped, text, unanswered
from selfdistill.grading.sandbox import Sandbox
from selfdistill.records import (
    AssertTests,
    CallCase,
    CallTests,
    Compare,
    DoctestTests,
    Outcome,
    PredictionTests,
    SchemaTests,
    StdinCase,
    StdinTests,
    Verdict,
)


class Bench:
    """What one worker grades with, each started when first needed: a sandbox for programs, one for test scripts, and a
    process that compares what is large or costly."""

    def __init__(self, isolation: Isolation, limits: Limits, rules: Rules) -> None:
        self.programs = Sandbox(isolation, limits, "official" if rules == "livecodebench" else "programs")
        self.scripts = Sandbox(isolation, limits, "scripts")
        self.checker = Checker(limits)
        self.limits, self.rules = limits, rules

    def run_job(self, job: dict[str, Any], *, stdin: str | None = None, tests: int = 0) -> Run:
        """One job of a program: see `jobs.run_job`."""
        return jobs.run_job(self.programs, job, self.limits, stdin=stdin, tests=tests)

    def close(self) -> None:
        """End the sandboxes and the process."""
        self.programs.close()
        self.scripts.close()
        self.checker.close()


def judge(bench: Bench, submission: Submission, *, stop_early: bool) -> Verdict:
    """Run a submission's tests in order.

    Raises:
        HarnessError: a sandbox failed; says nothing about the program.
    """
    if submission.program is None:
        return Verdict(submission.key, Outcome.NO_CODE)
    program = submission.program.encode("utf-8", "surrogatepass")
    results: list[tuple[Outcome, str, float]] = []
    for (outcome, detail), seconds in _results(bench, program, submission):
        results.append((outcome, detail, seconds))
        if stop_early and outcome is not Outcome.PASSED:
            break
    failed = [(number, result) for number, result in enumerate(results, 1) if result[0] is not Outcome.PASSED]
    verdict = Verdict(
        submission.key,
        failed[0][1][0] if failed else Outcome.PASSED,
        seconds=sum(seconds for _outcome, _detail, seconds in results),
        tests=tuple(outcome for outcome, _detail, _seconds in results),
    )
    return replace(verdict, detail=_detail(*failed[0])) if failed else verdict


def _detail(number: int, result: tuple[Outcome, str, float]) -> str:
    detail = text(result[1].encode("utf-8", "replace"))  # it may quote what a model wrote, and must be writable
    return f"test {number}" + (f": {detail}" if detail else "")


def _results(bench: Bench, program: bytes, submission: Submission) -> Iterator[tuple[Result, float]]:
    tests = submission.tests
    if isinstance(tests, (StdinTests, CallTests)) and bench.rules == "livecodebench":
        yield from livecodebench_results(bench.run_job, bench.checker, program, tests)
    elif isinstance(tests, StdinTests):
        for case in tests.cases:
            yield _stdin(bench, {"kind": "stdin", "program": program}, case)
    elif isinstance(tests, CallTests):
        for call in tests.cases:
            job = {"kind": "call", "program": program, "entry_point": tests.entry_point, "args": call.args}
            yield _call(bench, job, call, tests.compare)
    elif isinstance(tests, AssertTests):
        yield _assertions(bench, program, tests)
    elif isinstance(tests, DoctestTests):
        yield run_examples(bench.run_job, bench.checker, program, tests)
    elif isinstance(tests, SchemaTests):
        yield _document(bench, program, tests)
    else:
        yield _prediction(bench, program, tests)


def _stdin(bench: Bench, job: dict[str, Any], case: StdinCase) -> tuple[Result, float]:
    run = bench.run_job(job, stdin=case.input)
    if run.ended != "exit":
        return stopped(run.ended), run.seconds
    if run.report.status != 0:
        return failure(run.reply, run.report), run.seconds
    size = len(run.output)
    if size > IN_PLACE and run.output.strip() == case.output.encode("utf-8", "replace").strip():
        return (Outcome.PASSED, ""), run.seconds  # as large honest outputs are
    return _checked(bench, run, size, check_output, run.output, case.output, bench.rules)


def _call(bench: Bench, job: dict[str, Any], case: CallCase, compare: Compare) -> tuple[Result, float]:
    run = bench.run_job(job)
    tags = (b"R", b"N") if compare == "is given" else (b"R",)
    result = unanswered(run, tags)
    if result is not None:
        return result, run.seconds
    return _checked(bench, run, len(run.reply), check_call, run.reply, case, compare, bench.rules)


def _checked(bench: Bench, run: Run, size: int, check: Callable[..., Result], *args: Any) -> tuple[Result, float]:
    """The result of comparing `size` bytes that the run gave, and the seconds of both."""
    (result,), seconds = bench.checker.check(size, run.seconds, check, *args)
    return result, run.seconds + seconds


def _document(bench: Bench, program: bytes, tests: SchemaTests) -> tuple[Result, float]:
    """Never in place: how long a schema takes, with its patterns and its unique items, no size bounds."""
    text = program.decode("utf-8", "replace")
    (result,), seconds = bench.checker.check_apart(0.0, check_document, text, tests.schema)
    return result, seconds


def _assertions(bench: Bench, program: bytes, tests: AssertTests) -> tuple[Result, float]:
    result, spent = None, 0.0
    if assertions_of(tests) is not None:
        result, spent = run_calls(bench.run_job, bench.checker, program, tests)
    if result is not None:
        return result, spent
    left = bench.limits.seconds_per_test - spent
    if left <= 0:
        return (Outcome.TIMEOUT, ""), spent
    limits = replace(bench.limits, seconds_per_test=left)
    script = {"kind": "script", "script": tests.script, "setup": tests.setup, "entry_point": tests.entry_point}
    run, report = jobs.run_script(bench.programs, bench.scripts, {"kind": "serve", "program": program}, script, limits)
    return _script_result(run, report), spent + run.seconds


def _script_result(run: Run, report: Report) -> Result:
    if run.ended != "exit":
        return stopped(run.ended)
    tag, detail = run.reply[:1], text(run.reply[1:])
    if tag == b"P":
        return Outcome.PASSED, ""
    if tag == b"A":
        return Outcome.WRONG_ANSWER, detail
    if tag == b"H" or not tag:
        raise HarnessError(detail or "the test script's process ended without a verdict")
    return failure(b"" if tag == b"D" else run.reply, report)


def _prediction(bench: Bench, answer_text: bytes, tests: PredictionTests) -> tuple[Result, float]:
    with _literal_faults():
        expected = ast.literal_eval(tests.expected)
    job = {"kind": tests.target, "program": tests.function.encode(), "expression": answer_text.decode(errors="replace")}
    run = bench.run_job(job)
    result = unanswered(run)
    if result is not None:
        return result, run.seconds
    return _checked(bench, run, len(run.reply), check_value, run.reply, expected)


@contextmanager
def _literal_faults() -> Iterator[None]:
    try:
        yield
    except (ValueError, SyntaxError) as error:
        raise HarnessError(f"the expected value is not a literal: {error}") from error
