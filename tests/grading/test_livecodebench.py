"""The `livecodebench` rules on what the official harness was seen to do with the same programs."""

from __future__ import annotations

from typing import Any

import pytest

from selfdistill.grading import Limits, Submission, grade
from selfdistill.grading.inside import livecodebench
from selfdistill.grading.replies import ReplyCounter
from selfdistill.records import CallCase, CallTests, Outcome, StdinCase, StdinTests, Verdict

pytestmark = pytest.mark.usefixtures("sandbox_works")

STDIN = StdinTests((StdinCase("3\n", "13\n"), StdinCase("10\n", "27\n")))
ANSWER = "print(2 * int(input()) + 7)"
PASS = {
    "listdir": f"import os\nos.listdir('.')\n{ANSWER}",
    "exit": f"{ANSWER}\nexit()",
    "stdin of the harness": "from sys import stdin\nprint(2 * int(stdin.readline()) + 7)",
    "bare stdin": "print(2 * int(stdin.read()) + 7)",
    "import multiprocessing": f"import multiprocessing\n{ANSWER}",
    "import numpy": f"import numpy\n{ANSWER}",
    "thread": f"from threading import Thread\ndef f(): {ANSWER}\nt = Thread(target=f); t.start(); t.join()",
}
FAIL = {
    "quit": f"{ANSWER}\nquit()",
    "help": f"help()\n{ANSWER}",
    "close": f"import sys\n{ANSWER}\nsys.stdout.close()",
    "long sum": f"x = {'+'.join(['1'] * 1500)}\n{ANSWER}",
    "file name": f"__file__\n{ANSWER}",
    **{f"import {name}": f"import {name}\n{ANSWER}" for name in ("resource", "psutil", "tkinter", "joblib", "ipdb")},
    **{
        f"{module}.{name}": f"import {module}\nassert {module}.{name} is not None\n{ANSWER}"
        for module, names in livecodebench._TAKEN_AWAY.items()
        for name in names
    },
    "working directory": f"import os\nos.path.abspath('x')\n{ANSWER}",
    "fork": f"import os\nif os.fork() == 0: os._exit(0)\n{ANSWER}",
}
RESULTS: dict[str, tuple[str, Any, bool]] = {
    "numpy int": ("np.int64(13)", 13, True),
    "numpy list": ("[np.int64(1), np.float64(0.5), np.bool_(True)]", [1, 0.5, True], True),
    "array of one": ("np.array([13])", [13], True),
    "array of one as it": ("np.array([13])", 13, True),
    "wrong array of one": ("np.array([12])", [13], False),
    "array of one in a list": ("[np.array([13]), 1]", [[13], 1], True),
    "array of two": ("np.array([1, 2])", [1, 2], False),
    "fraction": ("__import__('fractions').Fraction(1, 2)", 0.5, True),
    "decimal": ("[__import__('decimal').Decimal(13)]", [13], True),
    "inexact decimal": ("__import__('decimal').Decimal('0.1')", 0.1, False),
    "sum of floats": ("0.1 + 0.2", 0.3, False),
    "range": ("range(2)", [0, 1], False),
}


def graded(submissions: list[Submission], seconds: float = 10.0) -> dict[str, Verdict]:
    return {v.key: v for v in grade(submissions, rules="livecodebench", limits=Limits(seconds))}


def test_stdin_programs() -> None:
    verdicts = graded([Submission(name, code, STDIN) for name, code in (PASS | FAIL).items()])
    assert {name for name, verdict in verdicts.items() if verdict.passed} == PASS.keys()


def test_results_of_calls() -> None:
    submissions = [
        Submission(name, f"import numpy as np\ndef f(): return {result}", CallTests("f", (CallCase((), expected),)))
        for name, (result, expected, _right) in RESULTS.items()
    ]
    verdicts = graded(submissions)
    assert {name: verdict.passed for name, verdict in verdicts.items()} == {n: r[2] for n, r in RESULTS.items()}


@pytest.mark.timeout(60)
@pytest.mark.parametrize(("byte", "count"), [(b"R", 2_000), (b"\1", 2_000), (b"\0", 20)])
def test_a_reply_that_dribbles_has_one_limit(byte: bytes, count: int) -> None:
    """If each byte were a sign of life, the first two would take 100 seconds. Four zeros are a whole empty reply."""
    program = f"import os, time\nwhile True: os.write(3, {byte!r}); time.sleep(0.05)"
    tests = StdinTests(tuple(StdinCase(f"{n}\n", "1\n") for n in range(count)))
    assert not graded([Submission("x", program, tests)], seconds=0.5)["x"].passed


def test_each_test_and_the_program_itself_have_the_limit() -> None:
    program = "import time\ntime.sleep(1.2)\ndef f(n):\n    time.sleep(n)\n    return n"
    for slow, outcome in ((1.2, Outcome.PASSED), (2.5, Outcome.TIMEOUT)):
        tests = CallTests("f", (CallCase((1.2,), 1.2), CallCase((slow,), slow)))
        assert graded([Submission("x", program, tests)], seconds=2.0)["x"].outcome is outcome


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
def test_replies_are_counted_however_they_come(size: int) -> None:
    data = b"".join(len(reply).to_bytes(4, "little") + reply for reply in (b"L", b"", b"abc", b"x" * 10))
    counter = ReplyCounter(3)
    signs = sum(counter.feed(data[at : at + size]) for at in range(0, len(data), size))
    assert counter.left == 0, "no more than it was asked for"
    assert signs <= 2, "and none for the last"
    assert ReplyCounter(4).feed(data[:5])
    assert not ReplyCounter(4).feed(data[:4])
