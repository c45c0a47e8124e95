"""The grader under random and damaged programs: it always answers, in time, and is sound afterwards."""

from __future__ import annotations

import ast
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from selfdistill.grading import Limits, Submission, grade
from selfdistill.records import Outcome, Tests
from tests.grading import hostile
from tests.grading.test_hostile import CALLS, CHECK, STDIN

pytestmark = [pytest.mark.usefixtures("sandbox_works"), pytest.mark.slow]

LIMITS = Limits(seconds_per_test=0.5, memory_mb=256)
CORPUS = [
    *hostile.WRONG_CALLS.values(),
    *hostile.RIGHT_CALLS.values(),
    *hostile.WRONG_STDIN.values(),
    *[code for code in hostile.RIGHT_STDIN.values() if len(code) < 10_000],
]
GOOD = "def solve(n): return 2 * n + 7  # {}"
FUZZ = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))


def _grade_all(programs: list[str], tests: Tests) -> None:
    """Every program gets a verdict that is not our fault, within its limit; good programs between them pass."""
    mixed = [Submission(f"bad/{i}", program, tests) for i, program in enumerate(programs)]
    mixed += [Submission(f"good/{i}", GOOD.format(i), CALLS) for i in range(3)]
    verdicts = list(grade(mixed, limits=LIMITS))
    assert len(verdicts) == len(mixed)
    for verdict in verdicts:
        assert verdict.outcome is not Outcome.HARNESS_ERROR, verdict
        assert verdict.seconds <= LIMITS.seconds_per_test * max(1, len(verdict.tests)) + 1.0, verdict
        assert verdict.passed or not verdict.key.startswith("good/"), verdict


@FUZZ
@given(st.lists(st.text(st.characters(), max_size=200), min_size=4, max_size=4))
def test_random_text(programs: list[str]) -> None:
    for tests in (STDIN, CALLS, CHECK):
        _grade_all(programs, tests)


@FUZZ
@given(st.lists(st.binary(max_size=200), min_size=4, max_size=4))
def test_random_bytes(programs: list[bytes]) -> None:
    _grade_all([data.decode("utf-8", "surrogateescape") for data in programs], STDIN)


@FUZZ
@given(st.randoms(use_true_random=False))
def test_mutated_hostile_programs(source: random.Random) -> None:
    """Lines dropped, doubled and swapped, characters changed, two programs spliced."""
    programs = []
    for _ in range(6):
        lines = source.choice(CORPUS).splitlines()
        lines += source.choice(CORPUS).splitlines() if source.random() < 0.4 else []
        for _ in range(source.randint(1, 3)):
            at = source.randrange(len(lines))
            action = source.randrange(4)
            if action == 0 and len(lines) > 1:
                del lines[at]
            elif action == 1:
                lines.insert(at, lines[source.randrange(len(lines))])
            elif action == 2 and lines[at]:
                cut = source.randrange(len(lines[at]))
                lines[at] = lines[at][:cut] + chr(source.randrange(1, 0x3000)) + lines[at][cut + 1 :]
            else:
                source.shuffle(lines)
        programs.append("\n".join(lines))
    _grade_all(programs, source.choice([STDIN, CALLS, CHECK]))


NAMES = st.sampled_from(["n", "x", "solve", "print", "open", "os", "__import__", "eval", "range", "type", "self"])
EXPRESSIONS = st.recursive(
    NAMES.map(lambda name: ast.Name(name, ast.Load()))
    | (st.integers(-(10**20), 10**20) | st.text(max_size=5) | st.booleans() | st.none()).map(ast.Constant),
    lambda inner: st.one_of(
        st.builds(lambda f, a: ast.Call(f, [a], []), inner, inner),
        st.builds(lambda a, b: ast.BinOp(a, ast.Mult(), b), inner, inner),
        st.builds(lambda a, b: ast.BinOp(a, ast.Pow(), b), inner, inner),
        st.builds(lambda a: ast.Attribute(a, "__class__", ast.Load()), inner),
        st.builds(lambda a, b: ast.Subscript(a, b, ast.Load()), inner, inner),
        st.builds(lambda a: ast.List([a, a], ast.Load()), inner),
    ),
    max_leaves=8,
)
STATEMENTS = st.one_of(
    st.builds(lambda a: ast.Expr(a), EXPRESSIONS),
    st.builds(lambda a: ast.Return(a), EXPRESSIONS),
    st.builds(lambda a, b: ast.While(a, [ast.Expr(b)], []), EXPRESSIONS, EXPRESSIONS),
    st.builds(lambda n, a: ast.Assign([ast.Name(n, ast.Store())], a, lineno=1), NAMES, EXPRESSIONS),
)


@FUZZ
@given(st.lists(st.lists(STATEMENTS, min_size=1, max_size=4), min_size=6, max_size=6))
def test_random_syntax_trees(bodies: list[list[ast.stmt]]) -> None:
    arguments = ast.arguments([], [ast.arg("n")], None, [], [], None, [])
    functions = [ast.FunctionDef("solve", arguments, body, [], None, None, lineno=1) for body in bodies]
    _grade_all([ast.unparse(ast.fix_missing_locations(ast.Module([f], []))) for f in functions], CALLS)
