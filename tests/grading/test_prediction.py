"""Input prediction: an answer builds arguments, and cannot reach the function that must give the wanted result."""

from __future__ import annotations

import pytest

from selfdistill.grading import Limits, Submission, grade
from selfdistill.records import PredictionTests

pytestmark = pytest.mark.usefixtures("sandbox_works")

SOURCE = """
import builtins, collections, operator, sys
from builtins import setattr as put
from collections import Counter
cache = {}
table = [1]
def helper(): return 1
def f(xs):
    return cache.get('k', xs + [3])
"""
FORGED = [
    "[0 for f in []] or [0 for setattr in []] or [setattr(f, '__code__', (lambda xs: [1, 2, 3]).__code__)]",
    "[0 for sys.modules['__main__'].f in [lambda xs: [1, 2, 3]]]",
    "[0 for cache['k'] in [[1, 2, 3]]]",
    "[0 for helper.x in [1]]",
    "[cache.update(k=[1, 2, 3])]",
    "*[cache.update(k=[1, 2, 3])]",
    "[operator.setitem(cache, 'k', [1, 2, 3])]",
    "[sys.modules['solution'].cache.update(k=[1, 2, 3])]",
    "[collections._sys.modules['solution'].cache.update(k=[1, 2, 3])]",
    "[put(helper, 'x', 1)]",
    "(lambda: builtins.setattr)()",
    "[x for x in [helper]][0].__globals__['cache'].update(k=[1, 2, 3])",
    "__builtins__['set'](cache)",
    "[1, 2], 3",
    "[1, 2]) or (",
]
HONEST = [
    "[1, 2]",
    "xs=[1, 2]",
    "**{'xs': [1, 2]}",
    "*[[1, 2]]",
    "table + [2]",
    "list(Counter([1, 2]))",
    "list(collections.Counter([1, 2]))",
    "(lambda n: [n, n + 1])(1)",
    "[i for i in range(1, 3)]",
    "[1, 2]  # why",
]


def test_an_answer_builds_arguments_and_does_nothing_else() -> None:
    tests = PredictionTests("input", SOURCE, "", "[1, 2, 3]")
    verdicts = grade([Submission(answer, answer, tests) for answer in FORGED + HONEST], limits=Limits(10.0))
    assert {verdict.key for verdict in verdicts if verdict.passed} == set(HONEST)
