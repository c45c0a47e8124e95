"""Progress of long work: a live line on a terminal, a plain line or a JSON object now and then in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from selfdistill.processes import is_main_process
from selfdistill.run.events import emit, json_log

LINE_EVERY = 15.0
"""Seconds between lines where the output is not a terminal."""


class Update(Protocol):
    """Reports progress: how many items more, how many tokens more, and the total if it has become known."""

    def __call__(self, items: int = 0, tokens: int = 0, total: int | None = None) -> None:
        """Add to what was done."""
        ...


@contextmanager
def progress(title: str, total: int | None, unit: str) -> Iterator[Update]:
    """Show progress with rate and time left on stderr.

    Args:
        title: what is being done.
        total: how many items, if known.
        unit: what an item is.
    """
    if sys.stderr.isatty() and is_main_process() and not json_log():
        with _live(title, total, unit) as update:
            yield update
    else:
        yield _Lines(title, total, unit)


def describe_rate(items: int, tokens: int, seconds: float, unit: str) -> str:
    """Tokens a second where tokens are counted, else items a second."""
    if seconds <= 0:
        return ""
    return f"{tokens / seconds:,.0f} tokens/s" if tokens else f"{items / seconds:,.1f} {unit}/s"


@contextmanager
def _live(title: str, total: int | None, unit: str) -> Iterator[Update]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description:<34}", markup=False),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}", markup=False),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(elapsed_when_finished=False),
    )
    with Progress(*columns, console=Console(stderr=True, markup=False)) as bar:
        task = bar.add_task(title, total=total, rate="")
        state = {"items": 0, "tokens": 0}
        started = time.perf_counter()

        def update(items: int = 0, tokens: int = 0, total: int | None = None) -> None:
            state["items"] += items
            state["tokens"] += tokens
            rate = describe_rate(state["items"], state["tokens"], time.perf_counter() - started, unit)
            changes: dict[str, Any] = {"total": total} if total is not None else {}
            bar.update(task, advance=items, rate=rate, **changes)

        yield update


class _Lines:
    """A line every few seconds."""

    def __init__(self, title: str, total: int | None, unit: str) -> None:
        self._title, self._total, self._unit = title, total, unit
        self._items = self._tokens = 0
        self._started = self._last = time.perf_counter()

    def __call__(self, items: int = 0, tokens: int = 0, total: int | None = None) -> None:
        self._items += items
        self._tokens += tokens
        self._total = total if total is not None else self._total
        now = time.perf_counter()
        finished = items > 0 and self._items == self._total
        if now - self._last < LINE_EVERY and not finished:
            return
        self._last = now
        elapsed = now - self._started
        if json_log():
            counts = {"items": self._items, "total": self._total, "unit": self._unit, "tokens": self._tokens}
            emit("progress", title=self._title, **counts, seconds=round(elapsed, 3))
            return
        of = f" of {self._total:,}" if self._total else ""
        left = ""
        if self._total and self._items and not finished:
            left = f", {elapsed / self._items * (self._total - self._items):,.0f} s left"
        rate = describe_rate(self._items, self._tokens, elapsed, self._unit)
        print(f"{self._title}: {self._items:,}{of} {self._unit}, {rate}, {elapsed:,.0f} s{left}", file=sys.stderr)
