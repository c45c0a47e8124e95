"""Programs that hung, crashed, fooled or disturbed the grader: the shared rows, and more of each kind.

Who can do what depends on the user, so `test_ordinary_user.py` runs this file once more as one.
"""

from __future__ import annotations

import ctypes
import json
import os
import queue
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from selfdistill.grading import Limits, Submission, cgroups, grade
from selfdistill.grading.isolation import DESCRIPTORS
from selfdistill.grading.jobs import Run, run_job
from selfdistill.grading.sandbox import Sandbox
from selfdistill.records import AssertTests, CallCase, CallTests, Outcome, SchemaTests, StdinCase, StdinTests, Verdict
from tests.grading import corpus
from tests.grading.attacks import CALLS, CHECK, SCRIPT, STDIN

pytestmark = pytest.mark.usefixtures("sandbox_works", "no_leftovers")

LIMITS = Limits(seconds_per_test=2.0)
LATE = 1.5
"""Seconds beyond the limit that ending a sandbox and a busy machine may take."""


def graded(submissions: Iterable[Submission], **how: Any) -> dict[str, Verdict]:
    """Verdicts by key; each in time, and none the harness's fault."""
    how = {"limits": LIMITS, **how}
    verdicts = {verdict.key: verdict for verdict in grade(submissions, **how)}
    for verdict in verdicts.values():
        assert verdict.outcome is not Outcome.HARNESS_ERROR, verdict
        assert verdict.seconds <= how["limits"].seconds_per_test * max(1, len(verdict.tests)) + LATE, verdict
    return verdicts


def test_shared_faults(shared_dir: Path) -> None:
    """The rows under livecodebench rules about its guard are `test_livecodebench`'s."""
    found = [json.loads(line) for line in (shared_dir / "grader" / "faults.jsonl").read_text().splitlines()]
    rows = {row["name"]: row for row in found if not row["name"].startswith("lcb_guard")}
    unique = json.dumps([{"a": i} for i in range(8_000)])
    by_rules: dict[str, list[Submission]] = {"judge": [], "livecodebench": []}
    for name, row in rows.items():
        if row["kind"] == "schema":
            by_rules["judge"].append(Submission(name, unique, SchemaTests(row["schema"])))
        else:
            by_rules["livecodebench" if "livecodebench" in row["how"] else "judge"].append(corpus.submission(name, row))
    for rules, submissions in by_rules.items():
        for name, verdict in graded(submissions, rules=rules).items():
            if name == "schema_unique_items":
                assert verdict.passed
            elif name != "hog_other_cpu":  # it answers correctly if the machine is fast enough
                assert not verdict.passed, verdict


READS_ITS_OUTPUT_BACK = """# {}
import os, time
r = os.open('/proc/self/fd/{}', os.O_RDONLY | os.O_NONBLOCK)
end = time.time() + 1
while time.time() < end:
    os.write({}, b'x' * 3000)
    try: os.read(r, 4000)
    except BlockingIOError: pass
def solve(n): return n
"""
USES_UP_ITS_PROCESSES = """# {}
import _thread, os, time
def solve(n):
    for _ in range(100):
        try: {}
        except Exception: break
    time.sleep(0.05)
    return 2 * n + {}
"""


def test_what_a_program_withholds_is_not_waited_for() -> None:
    programs = [READS_ITS_OUTPUT_BACK.format(i, fd, fd) for i, fd in enumerate((1, 3, 1, 3))]
    submissions = [Submission(str(i), program, (CALLS, STDIN)[i % 2]) for i, program in enumerate(programs)]
    submissions += [Submission(f"{i}/script", program, SCRIPT) for i, program in enumerate(programs)]
    assert not any(verdict.passed for verdict in graded(submissions).values())


@pytest.mark.parametrize("added", [7, 8])
def test_a_program_that_uses_up_its_processes_gets_its_own_verdict(added: int) -> None:
    ways = ("_thread.start_new_thread(time.sleep, (9,))", "os.fork() or time.sleep(9)")
    twenty = CallTests("solve", tuple(CallCase((n,), 2 * n + 7) for n in range(10)))
    tests = {"call": twenty, "check": CHECK, "script": SCRIPT}
    submissions = [
        Submission(f"{kind}/{i}", USES_UP_ITS_PROCESSES.format(kind, way, added), each)
        for kind, each in tests.items()
        for i, way in enumerate(ways)
    ]
    assert {verdict.passed for verdict in graded(submissions, workers=1).values()} == {added == 7}


FILLS_THE_SCRIPT = """# {}
import os
def solve(n):
    text = b'x' * (50 << 20) + '\U0001f600'.encode()  # four bytes a character, once it is read
    body = b'(\\3\\0\\0\\0u\\5\\0\\0\\0valueu' + len(text).to_bytes(4, 'little') + text + b'N'
    v = memoryview(len(body).to_bytes(4, 'little') + body)
    while v: v = v[os.write(3, v):]
"""


def test_answers_that_fill_the_script_process_are_the_programs_doing() -> None:
    submissions = [Submission(f"{i}", FILLS_THE_SCRIPT.format(i), SCRIPT) for i in range(2)]
    good = [Submission(f"good{i}", f"def solve(n): return 2 * n + 7  # {i}", SCRIPT) for i in range(4)]
    limits = Limits(seconds_per_test=20.0, memory_mb=256)
    mixed = [submissions[0], *good[:2], submissions[1], *good[2:]]
    verdicts = graded(mixed, limits=limits, workers=1)
    assert all(verdicts[each.key].outcome is Outcome.MEMORY_LIMIT for each in submissions), verdicts
    assert all(verdicts[each.key].passed for each in good), verdicts


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one processor")
def test_a_program_cannot_leave_the_processors_of_its_worker() -> None:
    program = """# {}
import os
def solve(n):
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, range(os.cpu_count()))
    return [len(before), os.sched_getaffinity(0) == before]
"""
    cpus = len(os.sched_getaffinity(0))
    for workers, seen in ((1, cpus), (cpus, 1), (cpus + 1, 1)):
        tests = CallTests("solve", (CallCase((0,), [seen, True]),))
        submissions = [Submission(f"{i}", program.format(i), tests) for i in range(2 * workers)]
        verdicts = graded(submissions, workers=workers)
        assert all(verdict.passed for verdict in verdicts.values()), verdicts


LEAVES = """# {}
import fcntl, os, socket
def attempt(f, *a):
    try: return f(*a)
    except OSError: pass
for d in ('/tmp', '/dev/shm'):
    attempt(os.setxattr, d, 'user.x', b'1')
    attempt(os.utime, d, (1, 1))
    attempt(os.chmod, d, 0o555)
for fd in range(4):
    attempt(fcntl.fcntl, fd, fcntl.F_SETFL, os.O_NONBLOCK | os.O_APPEND)
    attempt(fcntl.flock, fd, fcntl.LOCK_EX)
s = socket.socket(); s.bind(('127.0.0.1', 5000)); s.listen()
c = socket.create_connection(('127.0.0.1', 5000)); d = s.accept()[0]; d.close(); c.close()
print('no')
"""
LOOKS = """# {}
import fcntl, os, socket
for d in ('/tmp', '/dev/shm'):
    found = os.stat(d)
    assert (os.listdir(d), found.st_mode & 0o7777, os.listxattr(d)) == ([], 0o1777, []), d
    assert found.st_uid != os.getuid() or found.st_mtime == 0
assert not [fd for fd in range(3) if fcntl.fcntl(fd, fcntl.F_GETFL) & (os.O_NONBLOCK | os.O_APPEND)]
s = socket.socket(); s.bind(('127.0.0.1', 5000))
print('no')
"""


def test_what_one_leaves_behind_the_next_never_sees() -> None:
    tests = StdinTests((StdinCase("", "no"),))
    submissions = [Submission(f"{i}", program.format(i), tests) for i, program in enumerate((LEAVES, LOOKS) * 3)]
    verdicts = graded(submissions, workers=1)
    assert all(verdict.passed for verdict in verdicts.values()), verdicts


def test_a_fault_while_judging_belongs_to_its_submission() -> None:
    broken = Submission("broken", '"x"', SchemaTests({"pattern": "("}))
    nested: list[Any] = []
    for _ in range(5_000):
        nested = [nested]
    unsent = Submission("unsent", "def solve(n): return 0", CallTests("solve", (CallCase((nested,), 0),)))
    good = Submission("good", "def solve(n): return 2 * n + 7", CALLS)
    verdicts = {verdict.key: verdict for verdict in grade([broken, unsent, good], limits=LIMITS)}
    assert verdicts["broken"].outcome is verdicts["unsent"].outcome is Outcome.HARNESS_ERROR
    assert "error" in verdicts["broken"].detail
    assert "ValueError" in verdicts["unsent"].detail
    assert verdicts["good"].passed


def test_a_sandbox_that_the_kernel_kills_each_time_is_the_programs_doing_and_counted() -> None:
    """As it does where a program takes the machine's memory and no group binds it. Here the test is the kernel."""
    stop = threading.Event()

    def kill() -> None:
        before: set[int] = set()
        while not stop.wait(0.5):
            for zygote in _zygotes() & before:  # started, and at work by now
                with suppress(OSError):
                    os.kill(zygote, signal.SIGKILL)
            before = _zygotes()

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        (verdict,) = grade([Submission("x", "while True: pass", STDIN)], limits=Limits(), workers=1)
    finally:
        stop.set()
        killer.join()
    assert verdict.outcome is Outcome.MEMORY_LIMIT
    assert "kernel" in verdict.detail
    assert verdict.seconds > 0.3


def _zygotes() -> set[int]:
    """The processes below each bubblewrap of ours that have children of their own: they have started."""
    ours = {child for thread in Path("/proc/self/task").iterdir() for child in _children(int(thread.name))}
    wrapped = {zygote for child in ours if _name(child) == "bwrap" for zygote in _children(child)}
    return {zygote for zygote in wrapped if _children(zygote)}


def _children(task: int) -> set[int]:
    with suppress(OSError):
        return set(map(int, Path(f"/proc/{task}/task/{task}/children").read_text().split()))
    return set()


def _name(process: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{process}/comm").read_text().strip()
    return ""


def test_a_script_that_runs_again_shares_its_tests_limit() -> None:
    """An answer that is no plain data, under an assertion that is more than an equality, needs the script itself."""
    tests = AssertTests("def check(candidate):\n    assert set(candidate(3)) == set()\n", "solve")
    program = "import time\ndef solve(n):\n    time.sleep(0.7)\n    return iter([])"
    (verdict,) = grade([Submission("x", program, tests)], limits=Limits(seconds_per_test=1.0), workers=1)
    assert verdict.outcome is Outcome.TIMEOUT
    assert 1.0 <= verdict.seconds < 2.0


def test_a_program_that_ends_in_time_is_not_late_because_the_grader_is() -> None:
    """Another thread may hold the interpreter over the deadline; what the program did by then counts."""
    limits, found = Limits(seconds_per_test=1.5), queue.SimpleQueue[Run]()
    program = b"import time\nfor _ in range(30):\n    print(1, flush=True)\n    time.sleep(0.01)"
    sandbox = Sandbox("full", limits)
    sandbox.start()
    try:
        job = {"kind": "stdin", "program": program}
        grader = threading.Thread(target=lambda: found.put(run_job(sandbox, job, limits, stdin="")))
        grader.start()
        time.sleep(0.1)
        ctypes.PyDLL(None).sleep(2)  # with the interpreter's lock
        grader.join()
    finally:
        sandbox.close()
    run = found.get()
    assert (run.ended, run.output) == ("exit", b"1\n" * 30)


FILLS_THE_COUNT = """# {}
import os, socket, time
pairs = [socket.socketpair() for _ in range(60)]
for one, _other in pairs: one.setblocking(False)
end = time.monotonic() + 1.5
while time.monotonic() < end:
    for one, _other in pairs:
        try: socket.send_fds(one, [b'x'], [1] * 250)
        except OSError: pass
def solve(n): return 0
"""


def test_descriptors_under_way_are_counted_by_user_and_none_can_stop_the_next_job() -> None:
    """Where the grader's own limit is low, programs of the same user reach it."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, limits[1]))
    try:
        submissions = []
        for i in range(3):
            submissions.append(Submission(f"bad{i}", FILLS_THE_COUNT.format(i), CALLS))
            submissions += [
                Submission(f"{i}/{j}", f"def solve(n): return 2 * n + 7  # {i}, {j}", CALLS) for j in range(9)
            ]
        verdicts = graded(submissions, limits=Limits(5.0), workers=2)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert all(verdict.passed != key.startswith("bad") for key, verdict in verdicts.items()), verdicts


LOOPS = """
import sys
from selfdistill.grading import Submission, grade
from selfdistill.records import StdinCase, StdinTests
tests = StdinTests((StdinCase("", ""),))
programs = [Submission(str(i), f"import os\\nos.fork()\\nwhile True: pass  # {i}", tests) for i in range(9)]
list(grade(programs, workers=2))
"""


@pytest.mark.skipif(not cgroups.available(), reason="no control groups here")
@pytest.mark.parametrize("command", [pytest.param("doctor", marks=pytest.mark.slow), "next"])
def test_a_killed_grader_leaves_no_process_and_its_groups_are_removed(command: str) -> None:
    """With SIGKILL, in the middle of its programs. Who grades next removes them, and so does `selfdistill doctor`."""
    killed = subprocess.Popen([sys.executable, "-c", LOOPS])
    groups: list[Path] = []
    with killed:
        while not (groups and all(_processes(group) >= 4 for group in groups)):
            assert killed.poll() is None
            time.sleep(0.05)
            groups = _groups(killed.pid)
        killed.kill()
    assert _groups(killed.pid)  # at once: when its programs have died too, any grader of this machine may remove them
    end = time.monotonic() + 10
    while any(_processes(group) for group in groups):
        assert time.monotonic() < end, "its programs live on"
        time.sleep(0.05)
    for orphan in {child for thread in Path("/proc/self/task").iterdir() for child in _children(int(thread.name))}:
        os.waitpid(orphan, 0)  # dead: they came to this process when their parent was killed
    if command == "doctor":
        subprocess.run([sys.executable, "-m", "selfdistill", "doctor"], check=True, stdout=subprocess.DEVNULL)
    else:
        cgroups.remove_stale.cache_clear()
        graded([Submission("x", "def solve(n): return 2 * n + 7", CALLS)])
    assert not _groups(killed.pid)


def _groups(grader: int) -> list[Path]:
    prefix = f"{cgroups._PREFIX}{grader}-"
    return [
        Path(parent, name)
        for parent, names, _files in os.walk(cgroups.ROOT)
        for name in names
        if name.startswith(prefix)
    ]


def _processes(group: Path) -> int:
    """How many processes are in a group; none in one that is gone, as that of a probe is after a moment."""
    try:
        return (group / "cgroup.procs").read_text().count("\n")
    except OSError:
        return 0


@pytest.mark.skipif(not cgroups.available(), reason="no control groups here")
def test_groups_of_live_graders_stay_and_a_process_id_that_is_used_again_hides_none() -> None:
    parent = cgroups._settings("max", "max")[0][0]
    other = f"{cgroups._PREFIX}{os.getpid()}-1-0"  # as if another process had had this one's id
    own = f"{cgroups._PREFIX}{os.getpid()}-{cgroups._started(os.getpid())}-999"
    for name in (other, own):
        (parent / name).mkdir()
    try:
        cgroups.remove_stale.cache_clear()
        cgroups.remove_stale()
        assert not (parent / other).exists()
        assert (parent / own).exists()
    finally:
        (parent / own).rmdir()
