# ruff: noqa: E501 - rows of small programs
"""Answers that would make a check believe them: by operators of an object, by names that the check calls, by what an
example prints. Each is wrong, and what it takes for its own in the check is the host's."""

from __future__ import annotations

import pytest

from selfdistill.grading import Limits, Submission, grade
from selfdistill.records import AssertTests, DoctestExample, DoctestTests, Outcome, Tests

pytestmark = pytest.mark.usefixtures("sandbox_works", "no_leftovers")

LIMITS = Limits(seconds_per_test=5.0)
LIAR = """class Liar:
    __class__, __hash__ = int, lambda s: 14
    __eq__ = __lt__ = __gt__ = __le__ = __ge__ = __contains__ = lambda s, o: True
    __ne__ = lambda s, o: False
    __sub__ = __rsub__ = __abs__ = lambda s, *o: 0
    __getattr__ = __call__ = lambda s, *a: s
    __len__ = __index__ = __getitem__ = lambda s, *k: 14
    __float__, __round__, __iter__ = lambda s: 14.0, lambda s, *a: 14, lambda s: iter([14])
    __str__ = __repr__ = lambda s: 'no'
    def __array__(s, *a, **k): raise KeyError
def solve(n): return Liar()
"""
BY_OPERATORS = [
    "candidate(3) == 14",
    "not candidate(3) != 14",
    "14 == candidate(3)",
    "abs(candidate(3) - 14) < 1e-6",
    "math.isclose(candidate(3), 14)",
    "13 < candidate(3) < 15",
    "isinstance(candidate(3), int)",
    "type(candidate(3)) is int",
    "str(candidate(3)) == '14'",
    "f'{candidate(3)}' == '14'",
    "round(candidate(3), 2) == 14",
    "sum([candidate(3)]) == 14",
    "max(candidate(3), 0) == 14",
    "candidate(3) in [14]",
    "candidate(3) in {14}",
    "{14: True}[candidate(3)]",
    "[0] * 14 == [0] * candidate(3)",
    "15 in candidate(3)",
    "[candidate(3)] == [14]",
    "json.dumps(candidate(3)) == '14'",
    "re.match('14', candidate(3))",
    "collections.Counter([candidate(3)]) == collections.Counter([14])",
]
BY_NAMES = {
    "json.dumps(solve(3)) == '14'": "import json\njson.dumps = lambda *a: '14'",
    "re.match('^14$', str(solve(3)))": "class re: match = staticmethod(lambda *a: True)",
    "math.isclose(solve(3), 14, rel_tol=1e-9)": "class math: isclose = staticmethod(lambda *a, **k: True)",
    "collections.Counter([solve(3)]) == {14: 1}": "class collections: Counter = staticmethod(lambda *a: {14: 1})",
    "isinstance(solve(3), str)": "def isinstance(*a): return True",
    "set([solve(3)]) == {14}": "def set(*a): return {14}",
    "all(x == 14 for x in [solve(3)])": "def all(*a): return True",
    "print(solve(3)) is not None": "def print(*a): return 1",
}
EXAMPLES = {
    "equals all": (
        "13",
        "class L:\n    __eq__ = lambda s, o: True\n    __repr__ = lambda s: '14'\ndef solve(n): return L()",
    ),
    "hook": ("13", "import sys\nsys.displayhook = lambda v: print(14)\ndef solve(n): return 13"),
    "stdout lies": (
        "13",
        "import sys, io\nclass S(str):\n    __eq__ = lambda s, o: True\nclass F(io.StringIO):\n    getvalue = lambda s: S('14')\ndef solve(n): sys.stdout = F()",
    ),
    "no stdout": ("13", "import sys\ndef solve(n):\n    sys.stdout = None\n    return 14"),
    "exits": ("13", "import os\ndef solve(n):\n    print(13)\n    os._exit(0)"),
    "much": ("a...b", "def solve(n): print('a' + 'c' * 3_000_000)"),
    "blanks": ("a\n<BLANKLINE>\nb", "def solve(n): print((' ' * 5_000 + '\\n') * 1_500)"),
    "patched traceback": (
        "",
        "import traceback\ntraceback.format_exception_only = lambda *a: ['ValueError: no']\ndef solve(n): return 0",
    ),
    "half a character": ("13", "def solve(n): print('\\ud800')"),
}


def _verdicts(submissions: list[tuple[str, str, Tests]]) -> None:
    for verdict in grade([Submission(*each) for each in submissions], limits=LIMITS):
        assert verdict.outcome not in (Outcome.PASSED, Outcome.HARNESS_ERROR), verdict


def test_by_operators_of_an_object() -> None:
    head = "import collections, json, math, re\ndef check(candidate):\n    assert "
    _verdicts([(form, LIAR, AssertTests(f"{head}{form}\n", "solve")) for form in BY_OPERATORS])


def test_by_names_that_the_check_calls() -> None:
    _verdicts(
        [(form, f"{code}\ndef solve(n): return 13", AssertTests(f"assert {form}\n")) for form, code in BY_NAMES.items()]
    )


def test_by_what_an_example_prints() -> None:
    def example(want: str) -> DoctestTests:
        options = ("ELLIPSIS", "NORMALIZE_WHITESPACE") if "..." in want else ()
        raises = None if want else "ValueError: no\n"
        return DoctestTests("solve", (DoctestExample("solve(3)\n", f"{want}\n" if want else "", raises, options),))

    _verdicts([(name, program, example(want)) for name, (want, program) in EXAMPLES.items()])
