"""The command line: one file a command, wired together in `app`. Heavy imports happen inside the commands."""

from __future__ import annotations

import sys

INTERRUPTED = 130
"""The exit code after Ctrl-C, as shells have it."""


def main() -> None:
    """Run the command line. A user's mistake is one line and exit code 2; Ctrl-C is 130, as signals are to shells."""
    from selfdistill.cli.app import app
    from selfdistill.errors import KilledError, UserError

    try:
        app()
    except UserError as error:
        _say("error", str(error), f"error: {error}")
        sys.exit(2)
    except KilledError as error:
        _say("error", str(error), f"error: {error}; the same command continues from here")
        sys.exit(128 + error.number)
    except SystemExit as ended:
        if ended.code == INTERRUPTED:  # typer has caught the KeyboardInterrupt
            _say("stopped", "interrupted", "stopped; the same command continues from here")
        raise


def _say(event: str, message: str, line: str) -> None:
    from selfdistill.events import emit, json_log

    if json_log():
        emit(event, message=message)
    else:
        print(line, file=sys.stderr)
