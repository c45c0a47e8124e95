"""Progress of long work: a live line on a terminal, a plain line or a JSON object now and then in a log."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

from selfdistill.events import emit, json_log
from selfdistill.processes import is_main_process

LINE_EVERY = 15.0
"""Seconds between lines where the output is not a terminal."""


class Update(Protocol):
    """Reports progress; see `Done.add`."""

    def __call__(
        self, items: int = 0, tokens: int = 0, cut_off: int = 0, total: int | None = None, there: int = 0
    ) -> None:
        """Add to what was done."""
        ...


@dataclass(slots=True)
class Done:
    """What was done so far, at which rate, and how long the rest may take."""

    total: int | None
    """Items in all, if known."""
    unit: str
    """What an item is, in the plural."""
    longest: int | None = None
    """Tokens that an item may have at most, where items are made of tokens."""
    items: int = 0
    tokens: int = 0
    _made: int = field(default=0, init=False)
    """Items that came with tokens; others cost nothing: they were there, or repeat another."""
    _there: int = field(default=0, init=False)
    """Items that an earlier, interrupted attempt had done: they count as done, but say nothing about the rate."""
    _cut_off: int = field(default=0, init=False)

    def add(self, items: int, tokens: int, cut_off: int, total: int | None, there: int = 0) -> None:
        """Count more.

        Args:
            items: that were done since the last call.
            tokens: of them, and of items that are not done yet.
            cut_off: how many of the items were cut off at `longest`.
            total: of items, once it is known.
            there: items beside these that an earlier attempt had done.
        """
        self.items += items + there
        self._there += there
        self.tokens += tokens
        self._made += items if tokens else 0
        self._cut_off += cut_off
        self.total = total if total is not None else self.total

    @property
    def finished(self) -> bool:
        """Whether the last item is done."""
        return self.items > 0 and self.items == self.total

    @property
    def ends(self) -> int:
        """Items that were made of tokens and ended before they were cut off."""
        return self._made - self._cut_off

    def rate(self, seconds: float) -> str:
        """Tokens a second where tokens are counted, else items a second, or seconds an item where they are slow."""
        done = self.items - self._there
        if seconds <= 0 or not (done or self.tokens):
            return ""
        if self.tokens:
            return f"{self.tokens / seconds:,.0f} tokens/s"
        if done >= seconds:
            return f"{done / seconds:,.1f} {self.unit}/s"
        return f"{seconds / done:,.1f} s/{self.unit.removesuffix('s')}"

    def seconds_left(self, seconds: float) -> float | None:
        """Of work that took so long until now; None where nothing can be said.

        Items that run side by side finish late and together, so those that are finished say little. Where tokens are
        counted, the tokens to come are: an item ends at each token with the same chance, estimated as ends over tokens,
        and at the latest after `longest` (the mean of a truncated exponential; ends that are still to come count).
        """
        if self.total is None or self.finished or seconds <= 0:
            return None
        if not self.tokens or self.longest is None:
            done = self.items - self._there
            return seconds / done * (self.total - self.items) if done else None
        ends = self.ends
        mean = self.tokens / ends * -math.expm1(-ends * self.longest / self.tokens) if ends else float(self.longest)
        expected = mean * (self.total - (self.items - self._made))
        return seconds / self.tokens * max(0.0, expected - self.tokens)


@contextmanager
def progress(title: str, total: int | None, unit: str, longest: int | None = None) -> Iterator[Update]:
    """Show progress with rate and time left on stderr.

    Args:
        title: what is being done.
        total: how many items, if known.
        unit: what an item is, in the plural.
        longest: tokens that an item may have at most, where items are made of tokens.
    """
    done = Done(total, unit, longest)
    if sys.stderr.isatty() and is_main_process() and not json_log():
        with _live(title, done) as update:
            yield update
    else:
        yield _Lines(title, done)


@contextmanager
def _live(title: str, done: Done) -> Iterator[Update]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description:<34}", markup=False),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}", markup=False),
        TimeElapsedColumn(),
        TextColumn("{task.fields[left]}", markup=False),
    )
    with Progress(*columns, console=Console(stderr=True, markup=False)) as bar:
        task = bar.add_task(title, total=done.total, rate="", left="")
        started = time.perf_counter()

        def update(items: int = 0, tokens: int = 0, cut_off: int = 0, total: int | None = None, there: int = 0) -> None:
            done.add(items, tokens, cut_off, total, there)
            seconds = time.perf_counter() - started
            left = done.seconds_left(seconds)
            shown = "" if left is None else f"{_bound(done)}{timedelta(seconds=round(left))} left"
            bar.update(task, completed=done.items, total=done.total, rate=done.rate(seconds), left=shown)

        yield update


class _Lines:
    """A line every few seconds."""

    def __init__(self, title: str, done: Done) -> None:
        self._title, self._done = title, done
        self._started = self._last = time.perf_counter()

    def __call__(
        self, items: int = 0, tokens: int = 0, cut_off: int = 0, total: int | None = None, there: int = 0
    ) -> None:
        done = self._done
        done.add(items, tokens, cut_off, total, there)
        now = time.perf_counter()
        if now - self._last < LINE_EVERY and not (items and done.finished):
            return
        self._last = now
        seconds = now - self._started
        if json_log():
            counts = {"items": done.items, "total": done.total, "unit": done.unit, "tokens": done.tokens}
            emit("progress", title=self._title, **counts, seconds=round(seconds, 3))
            return
        of = f" of {done.total:,}" if done.total else ""
        left = done.seconds_left(seconds)
        shown = [f"{done.items:,}{of} {done.unit}", done.rate(seconds), f"{seconds:,.0f} s"]
        shown += [] if left is None else [f"{_bound(done)}{left:,.0f} s left"]
        print(f"{self._title}: {', '.join(filter(None, shown))}", file=sys.stderr)


def _bound(done: Done) -> str:
    """Where no item has ended yet, the longest possible ones are reckoned with."""
    return "at most " if done.tokens and done.longest and not done.ends else ""
