"""Hostile programs: right verdicts, in time, no damage, nothing left running, good programs beside them unharmed."""

from __future__ import annotations

from pathlib import Path

import pytest

from selfdistill.grading import Limits, Submission, grade
from selfdistill.records import AssertTests, CallCase, CallTests, Outcome, StdinCase, StdinTests
from tests.grading import corpus, hostile

pytestmark = pytest.mark.usefixtures("sandbox_works", "no_leftovers")

LIMITS = Limits(seconds_per_test=2.0, memory_mb=512)
CALLS = CallTests("solve", (CallCase((3,), 13), CallCase((10,), 27)))
STDIN = StdinTests((StdinCase("3\n", "13\n"), StdinCase("10\n", "27\n")))
SAYS_NO = StdinTests((StdinCase("", "no"),))
CHECK = AssertTests("def check(f):\n    assert f(3) == 13\n    assert f(10) == 27\n", "solve")
GOOD = [Submission(f"good/{i}", f"def solve(n): return 2 * n + 7  # {i}", CALLS) for i in range(20)]


def test_shared_corpus_among_good_programs(
    shared_dir: Path, outside: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "tok-7f3a9c")
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    rows = corpus.rows(shared_dir / "grader" / "hostile.jsonl")
    bad = [corpus.submission(key, row, outside) for key, row in rows.items()]
    mixed = [item for pair in zip(bad, GOOD * 4, strict=False) for item in pair]
    verdicts = {verdict.key: verdict for verdict in grade(mixed, limits=LIMITS)}
    for key, row in rows.items():
        verdict = verdicts[key]
        assert ("pass" if verdict.passed else "fail") in row["right_verdict"].split("|"), verdict
        assert verdict.outcome is not Outcome.HARNESS_ERROR, verdict
        assert verdict.seconds <= LIMITS.seconds_per_test * len(verdict.tests) + 1.0, verdict
    assert all(verdicts[good.key].passed for good in GOOD)
    assert list(outside.iterdir()) == [outside / "canary.txt"]
    assert (outside / "canary.txt").read_text() == "alive"
    assert sorted(tmp_path.iterdir()) == before


def test_wrong_calls_fail() -> None:
    limits = Limits(seconds_per_test=1.0, memory_mb=512)
    programs = [Submission(name, code, CALLS) for name, code in hostile.WRONG_CALLS.items()]
    programs += [Submission(f"{name}/assert", code, CHECK) for name, code in hostile.WRONG_CALLS.items()]
    for verdict in grade(programs, limits=limits):
        assert not verdict.passed, verdict
        assert verdict.outcome is not Outcome.HARNESS_ERROR, verdict
        assert verdict.seconds <= limits.seconds_per_test + 1.0, verdict


def test_right_programs_pass_however_they_behave() -> None:
    programs = [Submission(name, code, CALLS) for name, code in hostile.RIGHT_CALLS.items()]
    programs += [Submission(f"{name}/stdin", code, STDIN) for name, code in hostile.RIGHT_STDIN.items()]
    for name in hostile.RIGHT_CALLS.keys() - hostile.ONLY_ONCE:
        programs.append(Submission(f"{name}/assert", hostile.RIGHT_CALLS[name], CHECK))
    failed = [verdict for verdict in grade(programs, limits=Limits(seconds_per_test=10.0)) if not verdict.passed]
    assert not failed


def test_wrong_stdin_programs_fail() -> None:
    programs = [Submission(name, code, STDIN) for name, code in hostile.WRONG_STDIN.items()]
    verdicts = {verdict.key: verdict for verdict in grade(programs, limits=LIMITS)}
    assert not [verdict for verdict in verdicts.values() if verdict.passed]
    assert verdicts["answer_then_flood"].outcome is Outcome.OUTPUT_LIMIT
    assert verdicts["answer_then_hang"].outcome is Outcome.TIMEOUT
    assert verdicts["wrong_exit_code"].outcome is Outcome.EXCEPTION


def test_nothing_outside_can_be_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    monkeypatch.setenv("SECRET_TOKEN", "tok-7f3a9c")
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", 39999))
        listener.listen()
        listener.setblocking(False)
        programs = [Submission(name, code, SAYS_NO) for name, code in hostile.LOOKS_OUTSIDE.items()]
        failed = [verdict for verdict in grade(programs, limits=LIMITS) if not verdict.passed]
        with pytest.raises(BlockingIOError):
            listener.accept()
    assert not failed


def test_state_does_not_travel_between_programs() -> None:
    leave = (
        "import os\nfor d in ('/tmp', '/dev/shm'): open(d + '/left', 'w').write('x')\nos.mkdir('/tmp/d')\nprint('no')"
    )
    look = "import os\nprint('reached' if os.listdir('/tmp') + os.listdir('/dev/shm') else 'no')"
    programs = [Submission(str(i), f"{code}  # {i}", SAYS_NO) for i, code in enumerate([leave, look] * 3)]
    assert all(verdict.passed for verdict in grade(programs, limits=LIMITS, workers=1))


def test_program_that_steals_helpers_of_the_check() -> None:
    """What a check script needs besides the entry point comes from the benchmark, not from the program."""
    tests = AssertTests("def check(f):\n    assert twice(f(3)) == 26\n", "solve", setup="def twice(x): return 2 * x")
    program = "def twice(x): return 26\ndef solve(n): return 0"
    (verdict,) = grade([Submission("steal", program, tests)], limits=LIMITS, workers=1)
    assert verdict.outcome is Outcome.WRONG_ANSWER
