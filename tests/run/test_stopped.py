"""Ctrl-C and SIGTERM in every stage: one line, an event, the right exit code, nothing left behind, and it continues."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from run.small import environment, results, run, run_command
from selfdistill import stopping

FEW = ("prompts.limit=32", "evaluation.limit=4", "evaluation.grid.temperatures=[0.0]", "checks.regressions.limit=3")
STAGES = ("sample", "regressions", "contamination", "train", "evaluate", "grade", "explain")
_SUBREAPER = 36
"""prctl's PR_SET_CHILD_SUBREAPER: orphans of what we start become our children."""


@pytest.fixture
def orphans() -> Iterator[object]:
    """A function that lists the processes that somebody has left behind."""
    library = ctypes.CDLL(None)
    before = set(children())
    library.prctl(_SUBREAPER, 1)
    yield lambda: [pid for pid in children() if pid not in before]
    library.prctl(_SUBREAPER, 0)


def children() -> list[int]:
    tasks = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    return [int(pid) for path in tasks for pid in path.read_text().split()]


def stop_in(stage: str, number: signal.Signals, out: Path, delay: float, **extra: str) -> tuple[int, list[str], int]:
    """Run until a stage has started, and a little on, then send the signal. Exit code, stderr, process id."""
    process = subprocess.Popen(
        run_command(out, *FEW),
        env={**environment(), "SELFDISTILL_LOG": "json", **extra},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    assert process.stderr is not None
    lines = []
    with process:
        for line in process.stderr:
            lines.append(line)
            event = json.loads(line)
            if event["event"] == "stage started" and event["stage"].startswith(stage):
                threading.Timer(delay, process.send_signal, (number,)).start()
                break
        lines += process.stderr.readlines()
    return process.returncode, lines, process.pid


def control_groups(pid: int) -> list[Path]:
    return [path for depth in ("", "*/") for path in Path("/sys/fs/cgroup").glob(f"{depth}selfdistill-{pid}-*")]


def assert_stopped(ended: tuple[int, list[str], int], number: signal.Signals) -> None:
    code, lines, pid = ended
    assert code == 128 + number, "".join(lines[-5:])
    last = json.loads(lines[-1])
    assert (last["event"], last["message"]) == ("stopped", number.name)
    assert "Traceback" not in "".join(lines)
    assert control_groups(pid) == []


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_a_run_that_is_stopped_in_every_stage_ends_as_an_undisturbed_one(tmp_path, orphans):
    undisturbed, out = tmp_path / "undisturbed", tmp_path / "out"
    assert run(run_command(undisturbed, *FEW)).returncode == 0
    for position, stage in enumerate(STAGES):
        number = (signal.SIGINT, signal.SIGTERM)[position % 2]
        assert_stopped(stop_in(stage, number, out, delay=0.3), number)
        assert orphans() == []
    last = run(run_command(out, *FEW))
    assert last.returncode == 0, last.stderr
    assert results(out) == results(undisturbed)
    assert not (out / "checkpoints").exists()
    assert not list(out.rglob("*.partial"))


@pytest.mark.long
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("apart", ["never", "always"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("delay", [0.0, 1.0])
def test_every_stage_stopped_by_either_signal(tmp_path, orphans, number, delay, apart):
    undisturbed, out = tmp_path / "undisturbed", tmp_path / "out"
    assert run(run_command(undisturbed, *FEW)).returncode == 0
    for stage in STAGES:
        ended = stop_in(stage, number, out, delay, SELFDISTILL_STAGE_PROCESSES=apart)
        if ended[0] != 0:  # the last stage may be done before the signal comes
            assert_stopped(ended, number)
        assert orphans() == []
    assert run(run_command(out, *FEW)).returncode == 0
    assert results(out) == results(undisturbed)


def test_the_second_signal_does_not_break_into_the_cleaning_up(monkeypatch):
    """`timeout` sends each signal twice, a terminal's Ctrl-C reaches every process of a pipeline."""
    monkeypatch.setattr(stopping, "_first", None)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    stopping.stop_on_signals()
    try:
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)
        assert stopping.stopped_by() == signal.SIGTERM
        monkeypatch.setattr(stopping, "AGAIN", 0.0)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        assert stopping.stopped_by() == signal.SIGTERM, "the first decides the exit code"
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
