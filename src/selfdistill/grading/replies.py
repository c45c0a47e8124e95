"""The replies of a job that gives several, each with its length in front (4 bytes, little-endian).

A reply that has come whole is a sign of life, and gives the next test its own time. Part of one is not: a program could
send bytes for ever.
"""

from __future__ import annotations

from selfdistill.grading.inside import livecodebench


class ReplyCounter:
    """Counts replies as their bytes come. Keeps none of them, and counts no more than it was asked for."""

    def __init__(self, most: int) -> None:
        self.left = most
        """Replies still to come."""
        self._head = b""
        self._missing = 0  # bytes of the reply whose length is known

    def feed(self, data: bytes) -> bool:
        """Whether a reply has ended in these bytes, and others are still to come."""
        before, at = self.left, 0
        while self.left and at < len(data):
            if not self._missing:
                needed = 4 - len(self._head)
                self._head += data[at : at + needed]
                at += needed
                if len(self._head) < 4:
                    break
                self._missing, self._head = int.from_bytes(self._head, "little"), b""
            taken = min(self._missing, max(0, len(data) - at))
            at += taken
            self._missing -= taken
            self.left -= not self._missing
        return 0 < self.left < before


def split_replies(data: bytes, most: int) -> list[bytes]:
    """The first `most` replies of a job, each with its length in front; an incomplete last one is left out.

    Reads no further: what else a program has written there is not looked at, however much it is.
    """
    replies: list[bytes] = []
    at = len(livecodebench.LOADED) if data.startswith(livecodebench.LOADED) else 0
    while len(replies) < most and at + 4 <= len(data):
        end = at + 4 + int.from_bytes(data[at : at + 4], "little")
        if end > len(data):
            break
        replies.append(data[at + 4 : end])
        at = end
    return replies
