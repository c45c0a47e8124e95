"""EvalPlus' releases: arguments of the types that the task is about, and results judged by its own rules."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from selfdistill.grading import Submission, grade
from selfdistill.problems.benchmarks import load_benchmark
from selfdistill.problems.formats.evalplus_mbpp import also_right, arguments
from selfdistill.records import CallTests, Outcome, Problem


def problem(tmp_path: Path, task_id: str, name: str, reference: str, *inputs: list[Any], plus: Any = ()) -> Problem:
    row = {
        "task_id": task_id,
        "prompt": '"""\nDo it.\n"""\n',
        "entry_point": name,
        "canonical_solution": reference,
        "base_input": list(inputs),
        "plus_input": plus,
    }
    path = tmp_path / "plus.jsonl"
    path.write_text(json.dumps(row) + "\n")
    return load_benchmark(str(path))[0]


def outcome(problem: Problem, program: str) -> Outcome:
    return next(iter(grade([Submission("a", program, problem.tests)], workers=1))).outcome


def test_lists_are_tuples_again_where_the_task_is_about_tuples(tmp_path: Path, sandbox_works: None) -> None:
    code = "def add_lists(a, b):\n    return b + tuple(a)\n"
    made = problem(tmp_path, "Mbpp/106", "add_lists", code, [[5], [9, 10]], plus=[[[1], [2]]])
    assert isinstance(made.tests, CallTests)
    assert [(case.args, case.expected) for case in made.tests.cases] == [
        (([5], (9, 10)), (9, 10, 5)),
        (([1], (2,)), (2, 1)),
    ]
    assert made.metadata["base_cases"] == 1
    assert outcome(made, code) is Outcome.PASSED


@pytest.mark.parametrize(
    ("task_id", "given", "wanted"),
    [
        ("Mbpp/2", [[1, 2], [2]], ((1, 2), (2,))),
        ("Mbpp/63", [[[1, 2], [3, 4]]], ([(1, 2), (3, 4)],)),
        ("Mbpp/75", [[[6, 24]], 6], ([(6, 24)], 6)),
        ("Mbpp/115", [[[1, 1], []]], ([{1}, {}],)),
        ("Mbpp/124", ["0", "1j"], (0.0, 1j)),
        ("Mbpp/259", [[[1, 3]], [[6, 7]]], (((1, 3),), ((6, 7),))),
        ("Mbpp/278", [[1, [2], 3]], ((1, (2,), 3),)),
        ("Mbpp/580", [[4, [7, [2]]]], ((4, (7, (2,))),)),
        ("Mbpp/722", [{"a": [1, 2]}, 3], ({"a": (1, 2)}, 3)),
        ("Mbpp/3", [[1]], ([1],)),
        ("HumanEval/2", [[1]], ([1],)),
    ],
)
def test_each_kind_of_argument(task_id: str, given: list[Any], wanted: tuple[Any, ...]) -> None:
    found = arguments(task_id, given)
    assert found == wanted
    assert list(map(type, found)) == list(map(type, wanted))


def test_results_are_judged_by_the_tasks_own_rule(tmp_path: Path, sandbox_works: None) -> None:
    same = problem(tmp_path, "Mbpp/769", "Diff", "def Diff(a, b):\n    return [1, 2]\n", [[1], [2]])
    assert outcome(same, "def Diff(a, b):\n    return (2, 1, 1)") is Outcome.PASSED
    assert outcome(same, "def Diff(a, b):\n    return [1]") is Outcome.WRONG_ANSWER
    assert outcome(same, "def Diff(a, b):\n    return [[1], [2]]") is Outcome.WRONG_ANSWER

    match = "import re\ndef check_str(s):\n    return re.match('a', s)\n"
    given = problem(tmp_path, "Mbpp/285", "check_str", match, ["ab"], ["b"])
    assert outcome(given, match) is Outcome.PASSED
    assert outcome(given, "def check_str(s):\n    return s[0] == 'a'") is Outcome.PASSED
    assert outcome(given, "def check_str(s):\n    return object()") is Outcome.WRONG_ANSWER
    assert outcome(given, "def check_str(s):\n    return None") is Outcome.WRONG_ANSWER

    root = problem(tmp_path, "HumanEval/32", "find_zero", "def find_zero(xs):\n    return 1.0\n", [[-1, 0, 1]])
    assert outcome(root, "def find_zero(xs):\n    return -1.000001") is Outcome.PASSED
    for wrong in ("-1.1", "'x'", "1e200", "None", "float('nan')"):
        assert outcome(root, f"def find_zero(xs):\n    return {wrong}") is Outcome.WRONG_ANSWER

    also = problem(tmp_path, "Mbpp/295", "sum_div", "def sum_div(n):\n    return 7\n", [8])
    assert outcome(also, "def sum_div(n):\n    return 0") is Outcome.PASSED
    assert outcome(also, "def sum_div(n):\n    return 1") is Outcome.WRONG_ANSWER
    anything = problem(tmp_path, "Mbpp/164", "are_equivalent", "def are_equivalent(a, b):\n    return True\n", [1, 2])
    assert outcome(anything, "def are_equivalent(a, b):\n    return False") is Outcome.PASSED
    assert outcome(anything, "def are_equivalent(a, b):\n    raise KeyError") is Outcome.EXCEPTION


def test_two_readings_of_a_statement() -> None:
    assert also_right("Mbpp/581", "surface_Area", (3, 4)) == (35,)
    assert also_right("Mbpp/558", "digit_distance_nums", (1, 23)) == (4,)
    assert also_right("HumanEval/1", "surface_Area", (3, 4)) == ()


def test_an_input_that_no_program_could_answer_is_left_out(tmp_path: Path, sandbox_works: None) -> None:
    code = "def f(n):\n    return 'x' * n\n"
    made = problem(tmp_path, "Mbpp/3", "f", code, [1], plus=[[40_000_000], [2], [10**12], [3]])
    assert isinstance(made.tests, CallTests)
    assert [case.args for case in made.tests.cases] == [(1,), (2,), (3,)]
