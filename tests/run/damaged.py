"""What may happen to a file, and what a run says to it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from selfdistill.faults import explained

Damage = Callable[[Path], None]


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path: Path) -> None:
    """A low bit in the middle: a digit becomes another digit, a weight another weight."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def delete(path: Path) -> None:
    path.unlink()


def append(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b'{"step": 1, "loss": 0.5}\n')


DAMAGES: dict[str, Damage] = {each.__name__: each for each in (truncate, flip, empty, delete, append)}


def unlinked_copy(source: Path, target: Path) -> Path:
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target)
    return target


def said(work: Callable[[], object]) -> str | None:
    """The one line that the command line would print; None where the work was done. A bug is raised."""
    try:
        work()
    except Exception as error:
        known = explained(error)
        if known is None:
            raise
        return str(known)
    return None
