"""Digests of whole files: fast, and each file is read once by a process as long as it stays the same."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import xxhash

THREADS = 4
"""Files to read at a time: one thread does not keep a fast disk busy."""
_BLOCK = 2**22


def file_digest(path: Path) -> str:
    """XXH3 (128 bits) of a file, in hexadecimal: finds damage, not forgery.

    A file that has kept its time of change, which nobody can set, is not read again.
    """
    status = path.stat()
    return _digest(path, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


@lru_cache(maxsize=4096)
def _digest(path: Path, *_state: int) -> str:
    digest = xxhash.xxh3_128()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
