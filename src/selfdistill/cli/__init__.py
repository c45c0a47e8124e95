"""The command line: one file a command, wired together in `app`. Heavy imports happen inside the commands."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line. A user's mistake is one line and exit code 2; Ctrl-C is 130."""
    from selfdistill.cli.app import app
    from selfdistill.errors import UserError

    try:
        app()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("stopped; the same command goes on from here", file=sys.stderr)
        sys.exit(130)
