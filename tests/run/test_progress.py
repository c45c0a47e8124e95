"""Rates and the time left, of work whose pace is known."""

from __future__ import annotations

import io
import re
import sys

import pytest

from selfdistill import progress as progress_module
from selfdistill.progress import Done, progress

LENGTHS = [20, 45, 60, 128, 33, 128, 90, 12, 70, 128, 51, 64]


def in_lockstep(lengths: list[int], limit: int, batch: int = 64) -> list[tuple[int, int, int]]:
    """What the in-process engine tells, step by step, for completions of known lengths."""
    told = []
    for start in range(0, len(lengths), batch):
        rows = lengths[start : start + batch]
        for step in range(1, max(rows) + 1):
            ended = [length for length in rows if length == step]
            told.append((len(ended), sum(length >= step for length in rows), sum(step == limit for _ in ended)))
    return told


def test_ten_seconds_before_the_end_it_does_not_say_an_hour() -> None:
    """30 rows run side by side to a limit of 128, and nearly all of them finish there, at one second a step."""
    done = Done(30, "samples", longest=128)
    for second, (items, tokens, cut_off) in enumerate(in_lockstep([14] + [128] * 29, 128), start=1):
        done.add(items, tokens, cut_off, None)
        if second == 118:
            assert done.items == 1
            left = done.seconds_left(second)
            assert left is not None
            assert 5 <= left <= 20
            assert second / done.items * (30 - done.items) > 3000, "by rows it would be an hour"
    assert done.finished
    assert done.seconds_left(128) is None


@pytest.mark.parametrize("limit", [128, 100_000])
def test_time_left_comes_to_the_truth_long_before_the_end(limit: int) -> None:
    """Forty batches of rows of mixed lengths, a second for every token: half way through half of the time is left."""
    lengths = [min(length, limit) for length in LENGTHS * 40]
    done, seconds, total = Done(len(lengths), "samples", longest=limit), 0, sum(lengths)
    for items, tokens, cut_off in in_lockstep(lengths, limit, batch=len(LENGTHS)):
        done.add(items, tokens, cut_off, None)
        seconds += tokens
        left = done.seconds_left(seconds)
        if total / 10 < seconds < total - 1:
            assert left == pytest.approx(total - seconds, abs=0.15 * total)


def test_items_that_cost_nothing_do_not_count_as_fast() -> None:
    """Half were on disk already, and a quarter repeat others: only the rest takes time."""
    done = Done(80, "samples", longest=10)
    done.add(40, 0, 0, None)
    done.add(20, 0, 0, None)
    done.add(10, 100, 10, None)
    assert done.seconds_left(50) == pytest.approx(50)


def test_without_any_end_the_limit_is_reckoned_with_and_said() -> None:
    done = Done(8, "samples", longest=1000)
    done.add(0, 800, 0, None)
    assert done.seconds_left(80) == pytest.approx(720)
    assert done.ends == 0


def test_work_without_tokens_or_total() -> None:
    done = Done(None, "steps")
    assert done.seconds_left(3) is None
    assert done.rate(3) == ""
    done.add(2, 0, 0, 10)
    assert done.seconds_left(30) == pytest.approx(120)
    texts = Done(10, "answers")
    texts.add(2, 500, 0, None)
    assert texts.seconds_left(30) == pytest.approx(120), "tokens without a limit: by items"


@pytest.mark.parametrize(
    ("items", "tokens", "seconds", "shown"),
    [
        (4, 0, 575.7, "143.9 s/step"),
        (40, 0, 10.0, "4.0 steps/s"),
        (1, 0, 1.0, "1.0 steps/s"),
        (4, 9000, 10.0, "900 tokens/s"),
        (0, 0, 10.0, ""),
        (1, 0, 0.0, ""),
    ],
)
def test_slow_steps_are_seconds_a_step(items: int, tokens: int, seconds: float, shown: str) -> None:
    done = Done(100, "steps")
    done.add(items, tokens, 0, None)
    assert done.rate(seconds) == shown


def test_what_an_earlier_attempt_did_is_no_speed_of_this_one() -> None:
    """A training resumes behind step 20 of 50; each step takes 100 seconds."""
    done = Done(None, "steps")
    done.add(0, 0, 0, 50, there=20)
    assert done.rate(20) == ""
    assert done.seconds_left(20) is None
    done.add(1, 0, 0, 50)
    assert done.rate(100) == "100.0 s/step"
    assert done.seconds_left(100) == pytest.approx(2900)
    assert done.items == 21


def test_lines_of_a_log(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(progress_module, "LINE_EVERY", 0.0)
    with progress("sampling", 3, "samples", longest=50) as update:
        update(0, 20)
        update(1, 10, 0)
        update(2, 20, 1)
    first, second, last = capsys.readouterr().err.splitlines()
    assert re.fullmatch(r"sampling: 0 of 3 samples, [\d,]+ tokens/s, \d+ s, at most \d+ s left", first)
    assert re.fullmatch(r"sampling: 1 of 3 samples, [\d,]+ tokens/s, \d+ s, \d+ s left", second)
    assert re.fullmatch(r"sampling: 3 of 3 samples, [\d,]+ tokens/s, \d+ s", last)


def test_the_live_line_shows_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = io.StringIO()
    terminal.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "200")
    with progress("training the student", None, "steps") as update:
        update(items=1, total=4)
        update(items=1)
    shown = terminal.getvalue()
    assert "2/4" in shown
    assert "0:00:00 left" in shown
