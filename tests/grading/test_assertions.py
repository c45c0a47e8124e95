"""Assertion scripts that are read as calls mean what Python means by them; others are run as scripts."""

from __future__ import annotations

import math
from typing import Any

import pytest

from selfdistill.grading import Limits, Submission, grade
from selfdistill.grading.assertions import Assertion, assertions_of
from selfdistill.records import AssertTests, Outcome, Verdict

VALUES: list[Any] = [
    None, True, False, 0, 1, -3, 2.5, float("nan"), 0.333333, "", "abc", "a", [], [1, 2], [2, 1], (1, 2),
    {1, 2}, {"a": 1}, 10**30, 1j, b"ab",
]  # fmt: skip
FORMS = [
    "candidate(1)",
    "not candidate(1)",
    "candidate(1) == [1, 2]",
    "candidate(1) == candidate(2)",
    "candidate(1) != 'abc'",
    "candidate(1) is True",
    "candidate(1) is not None",
    "candidate(1) > 0",
    "abs(candidate(1) - 2.0/3.0) < 1e-6",
    "abs(candidate(1) - 1) <= abs(candidate(2) + 1)",
    "tuple(candidate(1)) == tuple([1, 2])",
    "sorted(candidate(1)) == [1, 2]",
    "set(candidate(1)) == set((1, 2))",
    "len(candidate(1)) == 2",
    "round(candidate(1), 2) == 0.33",
    "math.isclose(candidate(1), 1/3, rel_tol=0.001)",
    "[1, 2] == candidate(1)",
    "-candidate(1) == 3",
    "candidate(1) < 1e400",
    "candidate(1) == [1e400, {2: (3,)}]",
]
SCRIPTS = [
    "for i in range(3):\n        assert candidate(i) == i",
    "x = 3\n    assert candidate(x) == 3",
    "assert candidate(1) % 2 == 0",
    "assert candidate(1) * 1000000000",
    "assert candidate(1) in (1, 2)",
    "assert str(candidate(1)) == '1'",
    "assert candidate(1).real == 1",
    "assert other(1) == 1",
    "assert candidate(*[1]) == 1",
    "assert candidate(candidate(1)) == 1",
    "assert candidate(1) and candidate(2)",
    "assert 0 < candidate(1) < 3",
    "assert candidate(10 ** 10 ** 10) == 1",
    "assert candidate('x' * 10 ** 9) == 1",
    "assert candidate([[0] * 10 ** 5] * 10 ** 5) == 1",
    "assert candidate('a' * 'b') == 1",
    "assert candidate('%1000000000d' % 1) == 1",
    "assert candidate(1) is 1000",
    "assert math.sqrt(candidate(1)) == 1",
    "assert True",
]


def check(body: str) -> AssertTests:
    return AssertTests(f"def check(candidate):\n    {body}\n", entry_point="f")


@pytest.mark.parametrize("form", FORMS)
def test_means_what_python_means(form: str) -> None:
    (assertion,) = assertions_of(check(f"assert {form}, 'message ' + str(candidate(1))")) or ()
    for first in VALUES:
        for second in VALUES[:12]:
            results = iter((first, second))

            def candidate(_: int, results: Any = results) -> Any:
                return next(results)

            expected = _outcome(lambda call=candidate: eval(form, {"candidate": call, "math": math}))
            own = [first, second][: len(assertion.calls)]
            assert _outcome(lambda own=own: assertion.holds(own)) == expected, (form, first, second)


def _outcome(function: Any) -> bool | str:
    try:
        return bool(function())
    except Exception as error:
        return type(error).__name__


@pytest.mark.timeout(60)  # made, the large constants would take longer, or all memory
@pytest.mark.parametrize("body", SCRIPTS)
def test_anything_else_is_a_script(body: str) -> None:
    assert assertions_of(check(body)) is None


def test_arithmetic_of_constants() -> None:
    found = assertions_of(check("assert candidate(3 * 19, [-2 ** 4, 'a' + 'b'], {1 + 1: (7 // 2,)}) == 0 ** 0")) or ()
    assert [each.calls[0].args for each in found] == [(57, [-16, "ab"], {2: (3,)})]
    assert found[0].constants == (1,)
    assert found[0].equality


def test_names_of_functions_belong_to_the_script_unless_imported() -> None:
    assert assertions_of(AssertTests("assert len(f(1)) == 2")) is not None
    assert assertions_of(AssertTests("assert len(1) == 2", setup="from solution import len")) is None
    assert assertions_of(AssertTests("assert sum([1]) == 1")) is None
    assert assertions_of(AssertTests("assert sum([1]) == 1", setup="from solution import sum")) is not None


def test_both_names_of_the_entry_point() -> None:
    (assertion,) = assertions_of(check("assert tuple(candidate(1)) == tuple(f(2))")) or ()
    assert isinstance(assertion, Assertion)
    assert [(call.name, call.args) for call in assertion.calls] == [("f", (1,)), ("f", (2,))]


def verdict_of(program: str, body: str) -> Verdict:
    (verdict,) = grade([Submission("x", program, check(body))], workers=1, limits=Limits(seconds_per_test=3.0))
    return verdict


@pytest.mark.usefixtures("sandbox_works")
@pytest.mark.parametrize(
    ("program", "body", "outcome", "detail"),
    [
        ("import re\ndef f(x): return re.match('a', x)", "assert candidate('a')", Outcome.PASSED, ""),
        (
            "import re\ndef f(x): return re.match('a', x)",
            "assert candidate('b')",
            Outcome.WRONG_ANSWER,
            "assertion at line 2 of the test script",
        ),
        ("def f(x): yield from x", "assert tuple(candidate([1, 2])) == (1, 2)", Outcome.PASSED, ""),
        ("def f(x): return 'a'", "assert abs(candidate(1) - 2) < 1e-6", Outcome.EXCEPTION, "TypeError"),
        ("def f(x): return 1 // x", "assert candidate(1) == candidate(0)", Outcome.EXCEPTION, "ZeroDivisionError"),
        (
            "def f(x): return [i * (2**61 - 1) for i in range(1, 20000)]",
            "assert set(candidate(1)) == set([1])",
            Outcome.WRONG_ANSWER,
            "the answer is not plain data: colliding keys",
        ),
    ],
)  # fmt: skip
def test_graded(program: str, body: str, outcome: Outcome, detail: str) -> None:
    verdict = verdict_of(program, body)
    assert (verdict.outcome, verdict.detail) == (outcome, f"test 1: {detail}" if detail else "")


@pytest.mark.usefixtures("sandbox_works")
def test_a_script_that_would_run_again_after_its_limit_is_a_timeout() -> None:
    """Its first answer is no plain data, and the second call takes all the time that there is."""
    program = "import re, time\ndef f(x):\n    if x == 2: time.sleep(60)\n    return re.match('a', 'a')"
    verdict = verdict_of(program, "assert candidate(1)\n    assert candidate(2)")
    assert verdict.outcome is Outcome.TIMEOUT
    assert 3.0 <= verdict.seconds < 6.0


@pytest.mark.timeout(60)
@pytest.mark.usefixtures("sandbox_works")
@pytest.mark.parametrize("rules", ["judge", "livecodebench"])
def test_a_channel_full_of_empty_replies_does_not_hold_the_host(rules: str) -> None:
    program = "import os\nfor _ in range(15): os.write(3, bytes(1 << 20))\nos._exit(0)"
    (verdict,) = grade([Submission("x", program, check("assert candidate(1) == 2"))], workers=1, rules=rules)  # type: ignore[arg-type]
    assert verdict.outcome is Outcome.EXCEPTION


LIAR = """
class Liar:
    def __eq__(self, other): return True
    __contains__ = __lt__ = __gt__ = __eq__
    def __iter__(self): return iter([])
    def __len__(self): return 2
    def __sub__(self, other): return self
    def __abs__(self): return self
class sys:
    getsizeof = staticmethod(lambda x: 5)
class math:
    isclose = staticmethod(lambda *a, **k: True)
def twice(x): return 26
for name in ("abs", "len", "sorted", "set", "round", "all", "sum"): globals()[name] = lambda *a, **k: Liar()
"""
LIES = ["Liar()", "5", "None", "'x'", "next(iter([]))", "(_ for _ in ()).throw(AssertionError)"]
CHECKS = [
    "f(3) == 13",
    "abs(f(3) - 13) < 1e-6",
    "len([f(3)]) == f(3) - 12",
    "sorted([f(3)]) == [13]",
    "set([f(3)]) == set([13])",
    "round(f(3), 1) == 13",
    "math.isclose(f(3), 13)",
    "13 in [f(3)]",
    "f(3) == 13 == sum([f(3)])",
    "all(map(lambda n: f(n) == 2 * n + 7, range(3)))",
    "list(map(f, range(2))) == [7, 9]",
    "sys.getsizeof('') + f(3) == sys.getsizeof('') + 13",
]


@pytest.mark.usefixtures("sandbox_works")
def test_names_that_a_check_calls_are_not_the_programs() -> None:
    """And `StopIteration` of the program ends no loop of the check."""
    scripts = {text: AssertTests(f"assert {text}") for text in CHECKS}
    scripts |= {f"check/{text}": AssertTests(f"def check(f):\n    assert {text}\n", "f") for text in CHECKS}
    wrong = [
        Submission(f"{name}/{lie}", f"{LIAR}def f(n): return {lie}", tests)
        for name, tests in scripts.items()
        for lie in LIES
    ]
    right = [Submission(name, f"{LIAR}def f(n): return 2 * n + 7", tests) for name, tests in scripts.items()]
    helper = AssertTests("def check(f):\n    assert twice(f(3)) == 26\n", "f")
    wrong.append(Submission("helper", f"{LIAR}def f(n): return 0", helper))
    passed = {verdict.key for verdict in grade([*wrong, *right], limits=Limits(10.0)) if verdict.passed}
    assert passed == scripts.keys()
