"""Programs on inputs without expected outputs: what counts as an output, and what has none."""

from __future__ import annotations

import pytest

from selfdistill.grading import Limits
from selfdistill.grading.ended import Raised
from selfdistill.grading.outputs import Task, run_tasks

LIMITS = Limits(seconds_per_test=2.0)
PROGRAMS = {
    "def f(x):\n    return x + 1": (2, 3, Raised("TypeError")),
    "class Solution:\n    def f(self, x):\n        return [sqrt(x)]": ([1.0], [2**0.5], Raised("TypeError")),
    "def f(x):\n    raise SystemExit": (Raised("SystemExit"),) * 3,
    "def g(x):\n    return x": (Raised("NameError"),) * 3,
    "def f(x):\n    while x == 2: pass\n    return x": "stopped",
    "import os\ndef f(x):\n    os._exit(0)": "stopped",
    "def f(x):\n    return [0] * 10**9": (Raised("MemoryError"), Raised("MemoryError"), Raised("MemoryError")),
    "def f(x):\n    return 'x' * (40 << 20)": "stopped",
    "def f(x):\n    return iter([x])": "no plain data",
    "def f(x: return": "does not compile",
    "assert False": "does not load",
}


@pytest.fixture(scope="module")
def results():
    task = Task("k", (*PROGRAMS, None, next(iter(PROGRAMS))), ((1,), (2,), ("a",)), "f", prelude=True)
    (found,) = run_tasks([task], limits=LIMITS, workers=1)
    return found


@pytest.mark.parametrize("position", range(len(PROGRAMS)))
def test_outputs_of_a_function(results, position):
    assert results.outputs[position] == list(PROGRAMS.values())[position]


def test_the_same_program_is_run_once(results):
    assert results.outputs[-2:] == ("no program", results.outputs[0])
    assert results.runs == len(PROGRAMS)
    assert results.seconds > 0


def test_whole_programs_read_each_input_and_are_compared_by_lines():
    programs = ("print(int(input()) + 1)", "print(' ', 1 + int(input()), ' ')", "import time; time.sleep(9)", "(")
    tasks = [Task(str(number), programs, ("3\n", "a\n"), None, prelude=False) for number in range(5)]
    found = {result.key: result.outputs for result in run_tasks(tasks, limits=Limits(seconds_per_test=0.5))}
    assert sorted(found) == list("01234")
    for outputs in found.values():
        assert outputs == (
            (("4",), Raised("ValueError")),
            (("4",), Raised("ValueError")),
            "stopped",
            "does not compile",
        )


def test_one_call_cannot_reach_the_arguments_of_the_next():
    task = Task("k", ("def f(xs):\n    xs.append(1)\n    return xs",), (([],), ([],)), "f", prelude=False)
    (found,) = run_tasks([task], limits=LIMITS)
    assert found.outputs == (([1], [1]),)
    task = Task("k", ("def f(x):\n    return sqrt(x)",), ((1,), (4,)), "f", prelude=False)
    (found,) = run_tasks([task], limits=LIMITS)
    assert found.outputs == ((Raised("NameError"), Raised("NameError")),)


def test_outputs_too_large_to_be_read_in_place_are_none():
    programs = ("def f(x):\n    return 'x' * x", "def f(x):\n    return [{}] * x")
    task = Task("k", programs, ((100_000,), (150_000,)), "f", prelude=False)
    whole = Task("w", ("print('x' * int(input()))",), ("100000", "200000"), None, prelude=False)
    found = {result.key: result.outputs for result in run_tasks([task, whole], limits=LIMITS, workers=1)}
    assert found["k"] == (("x" * 100_000, "x" * 150_000), "stopped")
    assert found["w"] == ("stopped",)
