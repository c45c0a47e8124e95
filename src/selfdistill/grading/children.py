"""Child processes of the grader, sandboxes among them: how long they are waited for, and what their loss means."""

from __future__ import annotations

import os
import select
import subprocess

from selfdistill.errors import HarnessError

START_SECONDS = 30.0
"""A cold machine may need seconds for the first start."""
END_SECONDS = 10.0
"""How long killed sandboxes are waited for at the end: the kernel must free what their programs held."""


class SandboxMemoryError(HarnessError):
    """The sandbox is gone, and it is the program's doing."""


class SandboxKilledError(HarnessError):
    """The zygote was killed from outside. Nothing in the sandbox can do that, but it can make the kernel do it."""


def ends_within(process: subprocess.Popen[bytes], seconds: float) -> bool:
    """Whether a child of ours has ended, waiting this long at most. Unlike `Popen.wait` it does not poll."""
    if process.poll() is not None:
        return True
    descriptor = os.pidfd_open(process.pid)
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        return bool(poll.poll(seconds * 1000))
    finally:
        os.close(descriptor)
