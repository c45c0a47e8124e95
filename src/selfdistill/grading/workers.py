"""Untrusted work over several workers, each a thread with processors and sandboxes of its own.

The sandboxes do the work; a thread only waits, compares and passes data on. Nothing is kept that grows with the stream:
a bounded number of items is in flight.
"""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Generic, Protocol, TypeVar

Item = TypeVar("Item")
Done = TypeVar("Done")
ItemIn = TypeVar("ItemIn", contravariant=True)
DoneOut = TypeVar("DoneOut", covariant=True)

_TRIES = 3
_PAUSE_SECONDS = 0.2
"""Before the second try, and twice that before the third: what was short may be there again."""
_RETRY_SECONDS = 60.0
"""No further try of an item after this much."""


class Worker(Protocol[ItemIn, DoneOut]):
    """Belongs to one thread."""

    def work(self, item: ItemIn) -> DoneOut:
        """Do one item."""
        ...

    def close(self) -> None:
        """End its sandboxes; what is needed again starts anew."""
        ...


def worker_count(wanted: int | None) -> int:
    """As many as asked for, or one for each processor that this process may use."""
    return wanted or len(os.sched_getaffinity(0))


def over_workers(items: Iterable[Item], workers: Sequence[Worker[Item, Done]]) -> Iterator[Done]:
    """What becomes of the items, as it is ready, in no fixed order.

    Args:
        items: read lazily, a few ahead of the results.
        workers: each gets a thread, and is closed at the end.

    Raises:
        Whatever a worker raises.
    """
    lines: _Lines[Item, Done] = _Lines()
    threads = [
        threading.Thread(target=lines.serve, args=(worker, processors), daemon=True)
        for worker, processors in zip(workers, _processors(len(workers)), strict=True)
    ]
    for thread in threads:
        thread.start()
    in_flight = 0
    try:
        for item in items:
            lines.todo.put((item,))
            in_flight += 1
            if in_flight >= 2 * len(threads):
                yield lines.result()
                in_flight -= 1
        while in_flight:
            yield lines.result()
            in_flight -= 1
    finally:
        lines.stopped = True
        for _ in threads:
            lines.todo.put(None)
        for thread in threads:
            thread.join()


def tried(attempt: Callable[[], Done], reset: Callable[[], None]) -> tuple[Done | None, list[Exception], float]:
    """Try again in fresh sandboxes what failed: the fault is ours, not a program's, and is no other item's.

    Args:
        attempt: its result is not None.
        reset: called after a fault.

    Returns:
        The result, or None; the faults; the seconds before the last try, or of all of them.
    """
    faults: list[Exception] = []
    began = time.monotonic()
    while len(faults) < _TRIES and time.monotonic() - began <= _RETRY_SECONDS:
        last = time.monotonic()
        try:
            return attempt(), faults, last - began
        except Exception as error:
            faults.append(error)
            reset()
            time.sleep(_PAUSE_SECONDS * len(faults))
    return None, faults, time.monotonic() - began


class _Lines(Generic[Item, Done]):
    """What goes to the threads and comes back."""

    def __init__(self) -> None:
        self.stopped = False
        self.todo: queue.SimpleQueue[tuple[Item] | None] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[tuple[Done] | BaseException] = queue.SimpleQueue()

    def serve(self, worker: Worker[Item, Done], processors: set[int]) -> None:
        """One thread, until it is told that there is no more."""
        with suppress(OSError):  # taken away meanwhile
            os.sched_setaffinity(0, processors)  # of this thread, and of the sandboxes that it starts
        try:
            while (item := self.todo.get()) is not None and not self.stopped:
                self._done.put((worker.work(*item),))
        except BaseException as error:
            self._done.put(error)
        finally:
            worker.close()

    def result(self) -> Done:
        """The next result."""
        found = self._done.get()
        if isinstance(found, BaseException):
            raise found
        return found[0]


def _processors(workers: int) -> list[set[int]]:
    """The processors of each worker, shared as little as can be: no program may slow down that of another worker.

    With one for each, none waits behind another's program either.
    """
    available = sorted(os.sched_getaffinity(0))
    if workers > len(available):
        return [{available[number % len(available)]} for number in range(workers)]
    return [set(available[number::workers]) for number in range(workers)]
