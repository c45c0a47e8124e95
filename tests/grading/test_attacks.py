"""Attacks composed from parts, among honest programs: no hang, no crash, no harness error, no changed verdict.

    SELFDISTILL_FUZZ_SECONDS=600 pytest -s tests/grading/test_attacks.py

runs the long form; a failure names the seed of its batch. On a busy machine, where honest programs need longer than
half a second, add SELFDISTILL_FUZZ_LIMIT=3.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator

import pytest

from selfdistill.grading import Limits, Submission, grade
from selfdistill.grading.limits import Rules
from selfdistill.records import Outcome, StdinCase, StdinTests
from tests.grading.attacks import ANSWERS, CALLS, CHECK, PARTS, SCRIPT, STDIN, composed, program_of

pytestmark = pytest.mark.usefixtures("sandbox_works", "no_leftovers")

LIMITS = Limits(seconds_per_test=float(os.environ.get("SELFDISTILL_FUZZ_LIMIT", "0.5")), memory_mb=256)
SECONDS = float(os.environ.get("SELFDISTILL_FUZZ_SECONDS", "8"))
SEED = int(os.environ.get("SELFDISTILL_FUZZ_SEED", "0"))
BATCH = 24
LATE = 1.5
"""Seconds beyond a test's limit that killing and a busy machine may take."""

LOOK = """# {}
import fcntl, os, socket, sys
for d in ('/tmp', '/dev/shm'):
    assert os.listdir(d) == [] and os.stat(d).st_mode & 0o7777 == 0o1777 and os.listxattr(d) == [], d
    open(d + '/own', 'w').close()
assert not fcntl.fcntl(2, fcntl.F_GETFL) & (os.O_NONBLOCK | os.O_ASYNC)
fcntl.flock(2, fcntl.LOCK_EX | fcntl.LOCK_NB)
assert os.getpriority(os.PRIO_PROCESS, 0) == 0 and os.getpid() == 1
if os.path.exists('/proc/self/autogroup'):
    assert ' nice 0' in open('/proc/self/autogroup').read()
for family, address in ((socket.AF_INET, '127.0.0.1'), (socket.AF_INET6, '::1')):
    for port in (5000, 5001):
        with socket.socket(family) as s:
            s.bind((address, port))
print(2 * int(input()) + 7)
"""
"""An honest program that fails where it sees what another has left."""


def honest(name: str, rules: Rules) -> Iterator[Submission]:
    """Programs that must pass; each name makes other ones, so that none is remembered."""
    solve = f"def solve(n): return 2 * n + 7  # {name}"
    for kind, tests in (("call", CALLS), ("check", CHECK), ("script", SCRIPT)):
        yield Submission(f"honest/{kind}/{name}", solve, tests)
    if rules == "judge":  # each test in a process of its own
        yield Submission(f"honest/look/{name}", LOOK.format(name), STDIN)
    large = "".join(f"{i} {i / 7}\n" for i in range(2_000))
    program = f"for i in range(2_000): print(i, i / 7)  # {name}"
    yield Submission(f"honest/large/{name}", program, StdinTests((StdinCase("", large),)))


def batch(seed: int) -> None:
    """A batch of attacks with honest programs among them."""
    source = random.Random(seed)
    rules: Rules = source.choice(["judge", "judge", "livecodebench"])
    attacks = [composed(source, f"{seed}/{number}") for number in range(BATCH)]
    submissions = [submission for submission, _wrong in attacks]
    for number in range(BATCH // 4):
        submissions += honest(f"{seed}/{number}", rules)
    source.shuffle(submissions)
    wrong = {submission.key for submission, is_wrong in attacks if is_wrong}
    hold(submissions, wrong, rules, f"seed {seed}")


def hold(submissions: list[Submission], wrong: set[str], rules: Rules, about: str) -> None:
    """Grade, and hold each to its verdict."""
    programs = {submission.key: submission.program for submission in submissions}
    verdicts = list(grade(submissions, limits=LIMITS, rules=rules))
    assert sorted(verdict.key for verdict in verdicts) == sorted(programs), about
    for verdict in verdicts:
        said = f"{about}: {verdict}\n{programs[verdict.key]}"
        assert verdict.outcome is not Outcome.HARNESS_ERROR, said
        assert verdict.seconds <= LIMITS.seconds_per_test * 2 + LATE, said
        assert not (verdict.passed and verdict.key in wrong), said
        assert verdict.passed or not verdict.key.startswith("honest/"), said
        verdict.detail.encode()


@pytest.mark.slow
@pytest.mark.parametrize("rules", ["judge", "livecodebench"])
def test_each_part_and_each_answer_alone(rules: Rules) -> None:
    """Every part in a call and while the program is loaded, every wrong answer, for every kind of tests."""
    chosen = [(part, "0", at_load) for group in PARTS.values() for part in group for at_load in (False, True)]
    chosen += [("pass", answer, False) for answer in ANSWERS[1:] if answer != f"str({ANSWERS[0]})"]
    submissions: list[Submission] = []
    for number, (part, answer, at_load) in enumerate(chosen):
        for kind, tests in (("call", CALLS), ("stdin", STDIN), ("check", CHECK), ("script", SCRIPT)):
            name = f"{rules}/{number}/{kind}"
            submissions.append(Submission(name, program_of(name, [part], answer, tests, at_load=at_load), tests))
        submissions += honest(f"{rules}/{number}", rules) if number % 4 == 0 else ()
    hold(
        submissions, {each.key for each in submissions if not each.key.startswith("honest/")}, rules, f"alone, {rules}"
    )


@pytest.mark.timeout(max(600, 2 * SECONDS))
def test_composed_attacks_among_honest_programs() -> None:
    end, seed = time.monotonic() + SECONDS, SEED
    while seed == SEED or time.monotonic() < end:
        batch(seed)
        seed += 1
    print(f"{seed - SEED} batches, {(seed - SEED) * BATCH} attacks")
