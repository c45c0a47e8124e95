"""Comparing under limits: what is slow, large or broken to compare costs one program its verdict, and nobody else's."""

from __future__ import annotations

import json
import time

import pytest

from selfdistill.errors import HarnessError
from selfdistill.grading import Limits, Submission, grade
from selfdistill.grading.checker import IN_PLACE, LEAST_SECONDS, Checker
from selfdistill.grading.compare import output_matches
from selfdistill.records import CallCase, CallTests, Outcome, SchemaTests, StdinCase, StdinTests, Verdict

LIMITS = Limits(seconds_per_test=1.0, memory_mb=256)


def sleep(seconds: float) -> tuple[Outcome, str]:
    time.sleep(seconds)
    return Outcome.PASSED, ""


def allocate(megabytes: int) -> tuple[Outcome, str]:
    return Outcome.PASSED, str(len(bytearray(megabytes << 20)) >> 20)


def fail(text: str) -> tuple[Outcome, str]:
    raise ValueError(text)


def deep(levels: int) -> tuple[Outcome, str]:
    return deep(levels - 1) if levels else (Outcome.PASSED, "")


def test_a_check_is_killed_at_what_the_limit_leaves_and_the_next_one_runs() -> None:
    checker = Checker(LIMITS)
    try:
        assert checker.check_apart(0.0, sleep, 0.0)[0] == [(Outcome.PASSED, "")]
        for spent, limit in ((0.2, 0.8), (5.0, LEAST_SECONDS)):
            (result,), seconds = checker.check_apart(spent, sleep, 60.0)
            assert result[0] is Outcome.TIMEOUT
            assert limit <= seconds <= limit + 0.5
        assert checker.check_apart(0.0, sleep, 0.0)[0] == [(Outcome.PASSED, "")]
    finally:
        checker.close()


def test_a_checks_memory_is_limited() -> None:
    checker = Checker(Limits(seconds_per_test=20.0, memory_mb=256))
    try:
        assert checker.check_apart(0.0, allocate, 100)[0] == [(Outcome.PASSED, "100")]
        assert checker.check_apart(0.0, allocate, 400)[0][0][0] is Outcome.MEMORY_LIMIT
        assert checker.check_apart(0.0, allocate, 100)[0] == [(Outcome.PASSED, "100")]
    finally:
        checker.close()


def test_what_a_check_raises_is_a_harness_fault_unless_the_answer_was_too_deep() -> None:
    checker = Checker(LIMITS)
    try:
        with pytest.raises(HarnessError, match="ValueError: broken \\?"):
            checker.check_apart(0.0, fail, "broken \ud800")
        for size in (0, IN_PLACE + 1):
            assert checker.check(size, 0.0, deep, 10**6)[0][0][0] is Outcome.WRONG_ANSWER
    finally:
        checker.close()


@pytest.mark.timeout(60)
def test_a_number_is_read_in_linear_time() -> None:
    """Quadratic, it takes minutes."""
    line = " ".join(["1" * 9_999 + "x"] * 2_000)
    assert not output_matches(line.encode(), line.replace("x", "y"), "judge")


def _schema(key: str, schema: dict[str, object], answer: object) -> Submission:
    return Submission(key, json.dumps(answer), SchemaTests(schema))


def test_schemas_that_never_end_and_answers_that_cannot_be_written() -> None:
    nested = {"type": "string", "pattern": "^(a+)+$"}
    submissions = [
        _schema("pattern", nested, "a" * 40 + "b"),
        _schema("fits", nested, "aaa"),
        _schema("unique", {"uniqueItems": True}, [{"a": i} for i in range(8_000)]),
        _schema("not unique", {"uniqueItems": True}, [{"a": [1, {}]}, {"a": [1.0, {}]}]),
        _schema("kinds", {"uniqueItems": True}, [0, False, 1, True, "1", None, [], {}, [0], [False]]),
        _schema("surrogate", {"properties": {"\ud800": {"type": "null"}}}, {"\ud800": 1}),
    ]
    verdicts = {v.key: v for v in grade(submissions, limits=LIMITS, isolation="process", workers=1)}
    assert {key for key, verdict in verdicts.items() if verdict.passed} == {"fits", "unique", "kinds"}
    assert verdicts["pattern"].outcome is Outcome.TIMEOUT
    assert 1.0 <= verdicts["pattern"].seconds < 2.0
    for verdict in verdicts.values():
        verdict.detail.encode()


def test_numbers_of_any_size_are_divided() -> None:
    """jsonschema divides floats: it raises on what is beyond them, and takes 0.07 for no multiple of 0.01."""
    schemas = {"hundredth": {"multipleOf": 0.01}, "three": {"multipleOf": 3}}
    answers = ["0.07", "0.071", f"3{'0' * 4_000}", f"-1{'0' * 4_000}", "1e999", "-1e999", "[]", "0"]
    submissions = [
        Submission(f"{name} {answer[:5]}", answer, SchemaTests(schema))
        for name, schema in schemas.items()
        for answer in answers
    ]
    verdicts = {v.key: v for v in grade(submissions, limits=LIMITS, isolation="process", workers=1)}
    assert not [verdict for verdict in verdicts.values() if verdict.outcome is Outcome.HARNESS_ERROR]
    assert {key for key, verdict in verdicts.items() if verdict.passed} == {
        *(f"hundredth {answer}" for answer in ("0.07", "30000", "-1000", "[]", "0")),
        *(f"three {answer}" for answer in ("30000", "[]", "0")),
    }


def _verdict(program: str, tests: StdinTests | CallTests, limits: Limits, rules: str = "judge") -> Verdict:
    (verdict,) = grade([Submission("x", program, tests)], limits=limits, rules=rules, workers=1)  # type: ignore[arg-type]
    return verdict


@pytest.mark.usefixtures("sandbox_works")
def test_large_answers_are_compared_within_the_limits() -> None:
    limits = Limits(seconds_per_test=3.0, memory_mb=256)
    dicts = CallTests("f", (CallCase((), [{}] * 20_000),))
    assert _verdict("def f(): return [{} for _ in range(20_000)]", dicts, limits).passed
    many = _verdict("def f(): return [{}] * 7_000_000", dicts, limits)
    assert many.outcome in (Outcome.MEMORY_LIMIT, Outcome.TIMEOUT)
    assert many.seconds < 3.0 + 1.5
    close = "".join(f"{i / 7}\n" for i in range(5_000))
    tests = StdinTests((StdinCase("", close),))
    assert _verdict("for i in range(5_000): print(f'{i / 7:.9f}')", tests, limits).passed
    assert not _verdict("for i in range(5_000): print(f'{i / 7:.2f}')", tests, limits).passed


@pytest.mark.usefixtures("sandbox_works")
def test_a_signalling_nan_is_a_wrong_answer() -> None:
    tests = StdinTests((StdinCase("", "13"),))
    for rules in ("judge", "livecodebench"):
        assert _verdict("print('sNaN')", tests, LIMITS, rules).outcome is Outcome.WRONG_ANSWER
