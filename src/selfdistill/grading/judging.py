"""From one submission to its verdict: which jobs to run for each kind of tests, and what their ends mean.

Runs on the host. Expected values are compared here (or in the script sandbox, for assertion scripts) and never enter
the sandbox that the program runs in.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from selfdistill.errors import HarnessError
from selfdistill.grading import jobs
from selfdistill.grading.assertions import assertions_of
from selfdistill.grading.asserts import run_calls
from selfdistill.grading.compare import call_matches, output_matches
from selfdistill.grading.documents import judge_document
from selfdistill.grading.limits import Isolation, Limits, Rules, Submission
from selfdistill.grading.official import livecodebench_results
from selfdistill.grading.outcomes import Result, answer, failure, stopped, text
from selfdistill.grading.sandbox import Report, Sandbox
from selfdistill.records import (
    AssertTests,
    CallCase,
    CallTests,
    Compare,
    Outcome,
    PredictionTests,
    SchemaTests,
    StdinTests,
    Verdict,
)


class Bench:
    """What one worker grades with: a sandbox for programs, and one for test scripts, started when first needed."""

    def __init__(self, isolation: Isolation, limits: Limits, rules: Rules) -> None:
        self.programs, self.scripts = Sandbox(isolation, limits), Sandbox(isolation, limits, "scripts")
        self.limits, self.rules = limits, rules

    def close(self) -> None:
        """End both sandboxes."""
        self.programs.close()
        self.scripts.close()


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
    return f"test {number}" + (f": {result[1]}" if result[1] else "")


def _results(bench: Bench, program: bytes, submission: Submission) -> Iterator[tuple[Result, float]]:
    tests = submission.tests
    if isinstance(tests, (StdinTests, CallTests)) and bench.rules == "livecodebench":
        yield from livecodebench_results(bench.programs, program, tests, bench.limits)
    elif isinstance(tests, StdinTests):
        for case in tests.cases:
            run = jobs.run_job(bench.programs, {"kind": "stdin", "program": program}, bench.limits, stdin=case.input)
            yield _stdin_result(run, case.output, bench.rules), run.seconds
    elif isinstance(tests, CallTests):
        for call in tests.cases:
            job = {"kind": "call", "program": program, "entry_point": tests.entry_point, "args": call.args}
            yield _call(bench, job, call, tests.compare)
    elif isinstance(tests, AssertTests):
        yield _assertions(bench, program, tests)
    elif isinstance(tests, SchemaTests):
        yield judge_document(program.decode(errors="replace"), tests.schema), 0.0
    else:
        yield _prediction(bench, program, tests)


def _stdin_result(run: jobs.Run, expected: str, rules: Rules) -> Result:
    if run.ended != "exit":
        return stopped(run.ended)
    if run.report.status != 0:
        return failure(run.reply, run.report)
    return (Outcome.PASSED if output_matches(run.output, expected, rules) else Outcome.WRONG_ANSWER), ""


def _call(bench: Bench, job: dict[str, Any], case: CallCase, compare: Compare) -> tuple[Result, float]:
    run = jobs.run_job(bench.programs, job, bench.limits)
    value, result = answer(run)
    if compare == "is given" and run.ended == "exit" and run.reply[:1] == b"N":
        value, result = True, None  # no plain data, such as a match: it is something
    if result is None:
        right = call_matches(value, case, compare, bench.rules)
        result = (Outcome.PASSED if right else Outcome.WRONG_ANSWER), ""
    return result, run.seconds


def _assertions(bench: Bench, program: bytes, tests: AssertTests) -> tuple[Result, float]:
    assertions = assertions_of(tests)
    found = run_calls(bench.programs, program, assertions, bench.limits) if assertions is not None else None
    if found is not None:
        return found
    script = {"kind": "script", "script": tests.script, "setup": tests.setup, "entry_point": tests.entry_point}
    run, report = jobs.run_script(
        bench.programs, bench.scripts, {"kind": "serve", "program": program}, script, bench.limits
    )
    return _script_result(run, report), run.seconds


def _script_result(run: jobs.Run, report: Report) -> Result:
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
    run = jobs.run_job(bench.programs, job, bench.limits)
    value, result = answer(run)
    if result is None:
        result = (Outcome.PASSED if value == expected else Outcome.WRONG_ANSWER), ""
    return result, run.seconds


@contextmanager
def _literal_faults() -> Iterator[None]:
    try:
        yield
    except (ValueError, SyntaxError) as error:
        raise HarnessError(f"the expected value is not a literal: {error}") from error
