"""Benchmark files of others: a set is found in its own copy, and sets that are known to differ do not meet."""

from __future__ import annotations

import pytest

from selfdistill.measure.contamination.check import compare
from selfdistill.measure.contamination.sources import solutions, statements
from selfdistill.problems.benchmarks import load_benchmark
from selfdistill.recipe.contamination import ContaminationSettings

FILES = ("HumanEval.jsonl.gz", "sanitized-mbpp.json", "cruxeval.jsonl")


@pytest.fixture(scope="module")
def sets(shared_dir):
    return {name: load_benchmark(str(shared_dir / "data" / name)) for name in FILES}


@pytest.mark.parametrize("name", FILES)
def test_every_problem_is_found_in_its_own_set(sets, name):
    asked = statements(sets[name])
    part = compare([(r.task_id, r.text) for r in asked], asked, ContaminationSettings())
    assert part.counts["exact"].texts == part.compared == len(sets[name])
    assert {match.task_id for match in part.matches if match.text_id == match.task_id} == {r.task_id for r in asked}


def test_mbpp_statements_are_their_own_words_without_our_tests(sets):
    reference = statements(sets["sanitized-mbpp.json"])[0]
    assert "Your code should pass" not in reference.text
    assert "Your code should pass" in sets["sanitized-mbpp.json"][0].statement


def test_humaneval_and_mbpp_do_not_repeat_each_other(sets):
    human, mbpp = (sets[name] for name in FILES[:2])
    asked = compare([(r.task_id, r.text) for r in statements(mbpp)], statements(human), ContaminationSettings())
    solved = compare([(r.task_id, r.text) for r in solutions(mbpp)], solutions(human), ContaminationSettings())
    for part in (asked, solved):
        assert part.counts["exact"].texts == part.counts["normalised"].texts == part.counts["near"].texts == 0


def test_predicted_values_are_no_solutions(sets):
    assert solutions(sets["cruxeval.jsonl"]) == []
