"""The command line: one file a command, listed in `commands`, each imported when it is called.

What loads torch, transformers or the whole loop is imported inside the command that needs it, so that `--help` and a
mistake are instant.
"""

from __future__ import annotations

import atexit
import io
import os
import signal
import sys
from contextlib import suppress
from typing import NoReturn

from selfdistill.errors import KilledError
from selfdistill.events import emit, json_log
from selfdistill.faults import explained
from selfdistill.processes import is_main_process
from selfdistill.stopping import stop_on_signals, stopped_by

_INTERRUPTED = 128 + signal.SIGINT
"""What typer makes of a KeyboardInterrupt, which it catches."""


def main() -> None:
    """Run the command line.

    A user's mistake, or a fault of the machine that the user can mend, is one line and exit code 2. Ctrl-C is 130 and
    SIGTERM 143, as signals are to shells; anything else is a bug, with its traceback.
    """
    stop_on_signals()
    for stream in (sys.stdout, sys.stderr):  # a locale without a letter prints another; it does not end the run
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace" if stream.errors == "strict" else stream.errors)
    try:
        _run()
    except KeyboardInterrupt:
        _stopped()
    except SystemExit as ended:
        if ended.code == _INTERRUPTED:
            _stopped()
        raise


def _run() -> None:
    from selfdistill.cli.app import app  # what is stopped while it is imported says so

    try:
        app()
    except KilledError as error:
        _say("error", str(error), f"error: {error}; the same command continues from here")
        sys.exit(128 + error.number)
    except Exception as error:
        known = explained(error)
        if known is None:
            raise
        _say("error", str(known), f"error: {known}")
        sys.exit(2)


def _stopped() -> NoReturn:
    """Say so, and end: no child and no control group stays behind."""
    number = stopped_by()
    if is_main_process():
        _say("stopped", signal.Signals(number).name, "stopped; the same command continues from here")
    # Not sys.exit: where the interrupt came in the midst of an `exec`, Python ends itself by SIGINT, come what may.
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(128 + number)


def _say(event: str, message: str, line: str) -> None:
    if json_log():
        emit(event, message=message)
    else:
        print(line, file=sys.stderr)
