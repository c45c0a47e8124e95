"""Agreement as a way of decoding: what is chosen, and that no test has a say in it."""

from __future__ import annotations

import math

import pytest

from selfdistill.agreement.inputs import inputs_of
from selfdistill.agreement.records import Agreement
from selfdistill.errors import UserError
from selfdistill.recipe.agreement import AgreementSettings
from selfdistill.records import AssertTests, CallCase, CallTests, Problem
from selfdistill.studies.choosing.compare import compare_agreement, problem_asks, statement_inputs
from selfdistill.studies.choosing.result import chosen_passes


def record(*groups):
    return Agreement("k", ("(1,)",), {"examples": 1}, groups, {}, 5, 5, 0.1)


@pytest.mark.parametrize(
    ("groups", "passed", "chance"),
    [
        (((0, 1, 2), (3,)), {0: True, 1: True, 2: False, 3: False}, 2 / 3),
        (((0, 1), (2, 3), (4,)), {0: True, 1: True, 2: False, 3: False, 4: False}, 0.5),
        (((0, 1), (2,)), {1: False, 2: True}, 0.0),
        (((0, 1), (2,)), {2: True, 3: False}, 0.5),
        ((), {0: True, 1: False, 2: False, 3: False}, 0.25),
    ],
)
def test_the_score_is_the_chance_that_a_chosen_answer_passes(groups, passed, chance):
    assert chosen_passes(record(*groups), passed) == pytest.approx(chance)


def test_without_judged_answers_there_is_no_score():
    assert math.isnan(chosen_passes(record((0, 1)), {}))


def test_inputs_do_not_come_from_the_tests():
    tests = CallTests("f", (CallCase((41,), 42), CallCase((98,), 99)))
    problem = Problem("p", "Add one.\n\nf(1) returns 2\n", tests, starter_code="def f(x):\n")
    asked = problem_asks(problem)
    assert (asked.entry_point, asked.prelude) == ("f", True)
    found = inputs_of(asked, AgreementSettings(inputs=("examples", "mutations")), 0, "p").values
    assert found[0] == (1,)
    assert not {(41,), (98,)} & set(found)
    script = AssertTests("def check(candidate):\n    assert candidate(41) == 42\n", "f")
    asked = problem_asks(Problem("p", "def f(x):\n", script))
    assert inputs_of(asked, AgreementSettings(inputs=("examples", "mutations")), 0, "p").values == ()


def test_inputs_that_a_model_would_have_to_write_are_left_out():
    assert statement_inputs(AgreementSettings(inputs=("model", "examples"))).inputs == ("examples",)
    assert statement_inputs(AgreementSettings(inputs=("model",))).inputs == ("examples", "mutations", "types")


def test_a_run_without_an_evaluation_is_one_line(tmp_path):
    (tmp_path / "manifest.json").write_text('{"stages": {}}')
    with pytest.raises(UserError, match="has no finished evaluation"):
        compare_agreement(tmp_path)
