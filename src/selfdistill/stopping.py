"""SIGTERM as Ctrl-C: both end the work as a KeyboardInterrupt, so that every `finally` is reached and no child is left.

`timeout`, a batch system and a terminal may send one signal twice: what comes within a moment of the first is ignored,
so that it cannot break into the cleaning up.
"""

from __future__ import annotations

import signal
import threading
import time
from typing import Any

AGAIN = 2.0
"""Seconds after which a further signal counts again."""
_first: int | None = None
_last = 0.0


def stop_on_signals() -> None:
    """From now on SIGINT and SIGTERM raise KeyboardInterrupt; only the main thread of a process can say so."""
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup, or in a shell's background
                signal.signal(number, _stop)


def stopped_by() -> int:
    """The signal that came first; SIGINT where a KeyboardInterrupt came without one."""
    return signal.SIGINT if _first is None else _first


def _stop(number: int, _frame: Any) -> None:
    global _first, _last
    now = time.monotonic()
    if _first is not None and now - _last < AGAIN:
        return
    _first, _last = _first if _first is not None else number, now
    raise KeyboardInterrupt
