"""The process in which `apart.run_apart` runs one stage: `python -m selfdistill.run.child`, not for people.

Its first line of stdin is its work, as JSON. When stdin ends, whoever started it is interrupted or gone: then it stops
as if Ctrl-C had been pressed, and is gone after a while in any case. Ctrl-C itself, which a terminal sends to both, is
left to the one that started it; SIGTERM, which may be meant for this process alone, stops it as well.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import traceback
from pathlib import Path
from typing import Any

from selfdistill import events
from selfdistill.directory import RunDirectory
from selfdistill.faults import explained
from selfdistill.libraries import quiet_libraries
from selfdistill.recipe.load import parse_recipe
from selfdistill.run import pipeline as loop
from selfdistill.run.apart import GRACE

INTERRUPTED = 130


def main() -> int:
    """Do the work, and write how it ended. The exit status."""
    stop = threading.Event()
    ended_by: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: _interrupted(number, stop, ended_by))
    line = sys.stdin.readline()
    if not line:  # whoever started it is gone already
        return INTERRUPTED
    work: dict[str, Any] = json.loads(line)
    threading.Thread(target=_watch, args=(stop,), daemon=True).start()
    events.count_as_warned(work["warned"])
    said: dict[str, Any] = {}
    try:
        _run(work)
    except KeyboardInterrupt:
        return 128 + ended_by[0]
    except Exception as error:
        known = explained(error)
        if known is not None:
            said = {"mistake": {"what": known.what, "where": known.where, "fix": known.fix}}
        else:
            said = _fault(error)
    Path(work["ending"]).write_text(json.dumps({**said, "warned": sorted(events.warned())}), encoding="utf-8")
    return 2 if "mistake" in said else int("traceback" in said)


def _run(work: dict[str, Any]) -> None:
    quiet_libraries()
    if work["threads"]:
        import torch

        torch.set_num_threads(work["threads"])
    loop.STAGES[work["stage"]](parse_recipe(work["recipe"], "recipe"), RunDirectory(Path(work["root"])))


def _fault(error: Exception) -> dict[str, Any]:
    what = traceback.format_exception_only(error)[-1].strip()
    return {"what": what, "traceback": "".join(traceback.format_exception(error))}


def _interrupted(number: int, stop: threading.Event, ended_by: list[int]) -> None:
    """Once: a second signal must not break into the cleaning up."""
    if (number == signal.SIGTERM or stop.is_set()) and not ended_by:
        ended_by.append(number)
        raise KeyboardInterrupt


def _watch(stop: threading.Event) -> None:
    """Wait for the end of stdin, then interrupt the main thread; end the process if that does not."""
    while os.read(0, 1):  # not sys.stdin, whose lock a thread may not hold when the interpreter ends
        pass
    stop.set()
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
    threading.Event().wait(GRACE / 2)
    os._exit(INTERRUPTED)


if __name__ == "__main__":
    sys.exit(main())
