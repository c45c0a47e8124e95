"""JSON lines that vouch for each other: each ends with a digest of itself and of all lines before it.

    {"key":"a/0","outcome":"passed","digest":"5f3c0a9d1be27468"}

The digest is XXH3 (64 bits) of the line's other bytes, seeded with the digest of the line before: it finds damage, not
forgery. The first lines of a file, however many, are a whole file: a crash costs no more than the torn line, and what
appends need not read what is there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import xxhash

_LINK = re.compile(rb'[,{]"digest":"([0-9a-f]{16})"}\n\Z')
_LINK_BYTES = len(b',"digest":"0123456789abcdef"}\n')


class BrokenChainError(ValueError):
    """A line's digest does not fit it, or the lines before it."""


class Chain:
    """The lines of a file, checked one after the other. A file without any digest passes as it is."""

    def __init__(self) -> None:
        self._before = 0
        self._first = True
        self._chained = False

    def checked(self, line: bytes) -> bytes:
        """The line without its digest.

        Raises:
            BrokenChainError: it, or one before it, is not as it was written.
        """
        found = _LINK.search(line, max(0, len(line) - _LINK_BYTES))
        if self._first:
            self._first, self._chained = False, found is not None
        if (found is not None) != self._chained:
            raise BrokenChainError("this line or the one before it has lost its digest")
        if found is None:
            return line
        body = line[: found.start()]
        self._before = _digest(body, self._before)
        if found[1] != b"%016x" % self._before:
            raise BrokenChainError("this line or one before it is not as it was written: its digest differs")
        return body + (b"{}" if line[found.start() : found.start() + 1] == b"{" else b"}")


def chained(lines: Iterable[bytes], before: int) -> Iterator[bytes]:
    """JSON objects, one a line, with their digests.

    Args:
        lines: each ends with a line feed.
        before: the digest of the line before the first; 0 at the beginning of a file.
    """
    for line in lines:
        body = line.rstrip().removesuffix(b"}")
        empty = body == b"{"
        before = _digest(b"" if empty else body, before)
        yield b'%b"digest":"%016x"}\n' % (b"{" if empty else body + b",", before)


def last_digest(path: Path) -> int | None:
    """What the next line of a file continues from; None where its last line has no digest.

    Args:
        path: a file that ends with a whole line, or is empty.
    """
    with path.open("rb") as file:
        size = file.seek(0, 2)
        if size == 0:
            return 0
        file.seek(max(0, size - _LINK_BYTES))
        found = _LINK.search(file.read())
    return int(found[1], 16) if found else None


def _digest(body: bytes, before: int) -> int:
    return xxhash.xxh3_64_intdigest(body, before)
