"""How long this process waited for a processor that other work had: what is measured beside it is not the machine's.

Linux counts it for each thread. Where it is not told, the time in which no thread of the process ran stands in, which
is the least that it can have been.
"""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

_THREADS = Path("/proc/self/task")
"""Each thread's `schedstat`: nanoseconds on a processor, nanoseconds of waiting for one, turns (proc(5))."""


class Waiting:
    """A stretch of time that begins now."""

    def __init__(self, threads: Path = _THREADS) -> None:
        self._threads = threads
        self._waited = _nanoseconds(threads)
        self._started, self._worked = time.perf_counter(), time.process_time()

    def seconds(self) -> float:
        """So far, of the thread that waited longest: the others wait for it where all of them share the work."""
        passed = time.perf_counter() - self._started
        now = _nanoseconds(self._threads)
        if not now:
            return max(0.0, passed - (time.process_time() - self._worked))
        longest = max(waited - self._waited.get(thread, 0) for thread, waited in now.items())
        return min(passed, longest / 1e9)


def _nanoseconds(threads: Path) -> dict[str, int]:
    """By thread; empty where the system does not say."""
    found = {}
    with contextlib.suppress(OSError):
        for thread in threads.iterdir():
            with contextlib.suppress(OSError, ValueError, IndexError):  # a thread may end meanwhile
                found[thread.name] = int((thread / "schedstat").read_text(encoding="ascii").split()[1])
    return found
