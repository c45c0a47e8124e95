"""Rows of JSON from a file or URL: one object a line, or one array; plain or gzip, with or without a byte order mark.

What a file is shows in its first bytes, not in its name. Lines are read one by one, an array whole.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from selfdistill.errors import UserError
from selfdistill.urls import reading

_GZIP = b"\x1f\x8b"
_MARK = b"\xef\xbb\xbf"


def json_rows(source: str | Path) -> Iterator[tuple[str, Any]]:
    """Each row with the place where it stands, `file:line` or `file: row number`.

    Raises:
        UserError: the file cannot be read, or a line of it is not JSON.
    """
    with unpacked(source) as file:
        first = _first_byte(file)
        if first == b"[":
            yield from _array(source, file)
            return
        for number, line in enumerate(file, start=1):
            if line.strip():
                yield f"{source}:{number}", _parsed(line, f"{source}:{number}")


@contextmanager
def unpacked(source: str | Path) -> Iterator[IO[bytes]]:
    """A file's bytes, out of gzip and without a byte order mark.

    Raises:
        UserError: it cannot be read, or is damaged.
    """
    with reading(source) as raw:
        packed = raw.read(len(_GZIP)) == _GZIP
        raw.seek(0)
        file: Any = gzip.GzipFile(fileobj=raw) if packed else raw
        try:
            if file.read(len(_MARK)) != _MARK:
                file.seek(0)
            yield file
        except (OSError, EOFError, zlib.error) as error:
            what = "is damaged or cut off" if packed else "cannot be read"
            raise UserError(f"{what}: {error}", where=source) from error


def _first_byte(file: IO[bytes]) -> bytes:
    """The first byte that is no white space; the file stays where it was."""
    start = file.tell()
    while (byte := file.read(1)).isspace():
        pass
    file.seek(start)
    return byte


def _array(source: str | Path, file: IO[bytes]) -> Iterator[tuple[str, Any]]:
    for number, row in enumerate(_parsed(file.read(), source), start=1):
        yield f"{source}: row {number}", row


def _parsed(text: bytes, where: str | Path) -> Any:
    try:
        return json.loads(text)
    except RecursionError as error:
        raise UserError("JSON that is nested too deeply", where=where) from error
    except ValueError as error:  # also what is no UTF-8
        long = "digits" in str(error)
        fault = "JSON with a number of too many digits" if long else f"not valid JSON: {error}"
        raise UserError(fault, where=where) from error
