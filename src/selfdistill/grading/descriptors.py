"""What another process is handed: data as a sealed file in memory, and messages that carry descriptors."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import time
from typing import IO

_SECONDS = 30.0
"""How long others' descriptors under way are waited for."""
_SEALS = 0x000F  # F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE


def memory_file(data: bytes) -> IO[bytes]:
    """A sealed file in memory, at its beginning: nobody who gets the descriptor can change it."""
    file = os.fdopen(os.memfd_create("data", os.MFD_ALLOW_SEALING | os.MFD_CLOEXEC), "r+b", buffering=0)
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]
    file.seek(0)
    fcntl.fcntl(file, fcntl.F_ADD_SEALS, _SEALS)
    return file


def hand_over(to: socket.socket, message: list[bytes], descriptors: list[int]) -> None:
    """Send a message and descriptors, without waiting for whoever receives them.

    The kernel counts the descriptors that are under way by user. Programs that run as the same user as we can use up
    that count until they end; the next job waits for that, and its clock has not begun.
    """
    end = time.monotonic() + _SECONDS
    while True:
        try:
            socket.send_fds(to, message, descriptors, socket.MSG_DONTWAIT)
            return
        except OSError as error:
            if error.errno != errno.ETOOMANYREFS or time.monotonic() > end:
                raise
        time.sleep(0.005)
