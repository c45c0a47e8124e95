"""The process in which `apart.run_apart` runs one stage: `python -m selfdistill.run.child`, not for people.

Its first line of stdin is its work, as JSON. When stdin ends, whoever started it is interrupted or gone: then it stops
as if Ctrl-C had been pressed, and is gone after a while in any case. Ctrl-C itself, which a terminal sends to both, is
left to the one that started it.
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
from selfdistill.errors import UserError
from selfdistill.libraries import quiet_libraries
from selfdistill.recipe.load import parse_recipe
from selfdistill.run import pipeline as loop
from selfdistill.run.apart import GRACE

INTERRUPTED = 130


def main() -> int:
    """Do the work, and write how it ended. The exit status."""
    stop = threading.Event()
    signal.signal(signal.SIGINT, lambda *_: _interrupted(stop))
    line = sys.stdin.readline()
    if not line:  # whoever started it is gone already
        return INTERRUPTED
    work: dict[str, Any] = json.loads(line)
    threading.Thread(target=_watch, args=(stop,), daemon=True).start()
    events.count_as_warned(work["warned"])
    said: dict[str, Any] = {}
    try:
        _run(work)
    except UserError as error:
        said = {"mistake": {"what": error.what, "where": error.where, "fix": error.fix}}
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:
        what = traceback.format_exception_only(error)[-1].strip()
        said = {"what": what, "traceback": traceback.format_exc()}
    Path(work["ending"]).write_text(json.dumps({**said, "warned": sorted(events.warned())}))
    return 2 if "mistake" in said else int("traceback" in said)


def _run(work: dict[str, Any]) -> None:
    quiet_libraries()
    if work["threads"]:
        import torch

        torch.set_num_threads(work["threads"])
    loop.STAGES[work["stage"]](parse_recipe(work["recipe"], "recipe"), RunDirectory(Path(work["root"])))


def _interrupted(stop: threading.Event) -> None:
    if stop.is_set():
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
