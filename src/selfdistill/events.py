"""What a run tells machines: one JSON object a line on stderr, where `--log json` or SELFDISTILL_LOG=json asks for it.

Every object has `time` (ISO 8601, UTC) and `event`; docs/formats.md lists the events and what else they hold. Some
are told to people as well.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from selfdistill.processes import is_main_process

VARIABLE = "SELFDISTILL_LOG"
"""The environment variable holds `text` or `json`, so that processes that this one starts do the same."""
_warned: set[str] = set()


def json_log() -> bool:
    """Whether the log is for machines."""
    return os.environ.get(VARIABLE) == "json"


def emit(event: str, **facts: Any) -> None:
    """Write one event; nothing where the log is for people."""
    if json_log() and is_main_process():
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = json.dumps({"time": now, "event": event, **facts}, ensure_ascii=False, default=str)
        print(line, file=sys.stderr, flush=True)


def say(event: str, line: str, **facts: Any) -> None:
    """One line for people, or the event for machines."""
    if json_log():
        emit(event, **facts)
    elif is_main_process():
        print(line, file=sys.stderr, flush=True)


def warn(message: str) -> None:
    """Say what the user should know while the work continues: one line, once in a process."""
    if message in _warned or not is_main_process():
        return
    _warned.add(message)
    say("warning", f"warning: {message}", message=message)


def warned() -> frozenset[str]:
    """What this process has warned of."""
    return frozenset(_warned)


def count_as_warned(messages: Iterable[str]) -> None:
    """Not to be said again: another process of the same run has said it."""
    _warned.update(messages)
