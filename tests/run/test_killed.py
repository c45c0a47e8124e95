"""`kill -9` at twenty random moments, then the same command: the results are those of an undisturbed run."""

from __future__ import annotations

import random
import subprocess
import time

import pytest

from run.small import environment, results, run, run_command

KILLS = 20


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_a_run_that_is_killed_again_and_again_ends_as_an_undisturbed_one(tmp_path):
    undisturbed = tmp_path / "undisturbed"
    started = time.monotonic()
    done = run(run_command(undisturbed))
    assert done.returncode == 0, done.stderr
    whole = time.monotonic() - started

    killed = tmp_path / "killed"
    moments = random.Random(0)
    interrupted = 0
    for _ in range(KILLS):
        process = subprocess.Popen(
            run_command(killed), env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            process.wait(timeout=moments.uniform(0.1, 0.4) * whole)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            interrupted += 1
    last = run(run_command(killed))
    assert last.returncode == 0, last.stderr
    assert interrupted >= 5, "too few kills hit a working process to prove anything"
    assert results(killed) == results(undisturbed)
    left = [path.name for path in killed.rglob("*.partial")]
    assert left == [] or all(name.startswith(".") for name in left)
    assert not (killed / "checkpoints").exists()
