"""How long a process waited for a processor: as the kernel tells it, and what stands in where it does not."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from selfdistill.waiting import Waiting

SPIN = "import time; end = time.time() + 60\nwhile time.time() < end: pass"
PINNED = """
import os, time
os.sched_setaffinity(0, {next(iter(os.sched_getaffinity(0)))})
import subprocess, sys
from selfdistill.waiting import Waiting
other = subprocess.Popen([sys.executable, "-c", %r])  # on the same processor
time.sleep(0.3)
waiting, end = Waiting(), time.time() + 2
while time.time() < end: pass
print(waiting.seconds())
other.kill()
"""


def thread(folder: Path, name: str, waited: float) -> None:
    (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / name / "schedstat").write_text(f"5000000000 {int(waited * 1e9)} 17\n")


def test_the_thread_that_waited_longest_counts_from_the_beginning_of_the_stretch(tmp_path):
    thread(tmp_path, "1", 10.0)
    thread(tmp_path, "2", 0.0)
    waiting = Waiting(tmp_path)
    time.sleep(0.2)
    assert waiting.seconds() == 0
    thread(tmp_path, "1", 10.01)
    thread(tmp_path, "2", 0.05)
    thread(tmp_path, "3", 0.02)  # began meanwhile
    assert waiting.seconds() == pytest.approx(0.05)
    thread(tmp_path, "2", 1e6)
    assert 0.2 <= waiting.seconds() < 60, "never more than the time that has passed"


def test_where_the_system_does_not_tell_the_time_without_work_stands_in(tmp_path):
    waiting = Waiting(tmp_path / "nothing")
    time.sleep(0.3)
    assert waiting.seconds() == pytest.approx(0.3, abs=0.25)


@pytest.mark.skipif(not Path("/proc/self/schedstat").exists(), reason="the kernel does not tell")
def test_two_at_one_processor_wait_half_of_the_time():
    done = subprocess.run(
        [sys.executable, "-c", PINNED % SPIN], capture_output=True, text=True, timeout=120, check=True
    )
    assert float(done.stdout) > 0.5
