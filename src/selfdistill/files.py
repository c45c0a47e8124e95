"""Files that appear whole or grow by whole records, and survive `kill -9` at any moment.

- `write_text`, `write_bytes`, `write_json`: write beside the target, fsync, rename. A reader sees the old file or the
  new one.
- `write_sealed`: the same for JSON that holds its own checksum.
- `append_records`: append whole JSON lines and fsync. A crash leaves at most one torn last line, which `read_records`
  ignores and the next append cuts off. Each line ends with a digest of itself and of all lines before it
  (`chain.py`), so that a changed, lost or moved line is noticed when it is read.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import xxhash

from selfdistill import chain
from selfdistill.errors import UserError

Record = TypeVar("Record")
_CHECKSUM = "checksum"
_ADAPTERS: dict[Any, Any] = {}  # building one takes milliseconds; there are a handful of record types


def write_bytes(path: Path, data: bytes) -> None:
    """Make `path` hold exactly `data`, atomically.

    Raises:
        UserError: the directory cannot be written to, or the disk is full.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        fsync_directory(path.parent)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        raise _cannot_write(path, error) from error


def write_text(path: Path, text: str) -> None:
    """Make `path` hold exactly `text` in UTF-8, atomically."""
    write_bytes(path, text.encode())


def write_json(path: Path, value: Any) -> None:
    """Make `path` hold `value` as indented JSON, atomically. NaN becomes null: JSON has no NaN."""
    write_text(path, json.dumps(_finite(value), indent=2, ensure_ascii=False) + "\n")


def write_sealed(path: Path, value: dict[str, Any]) -> None:
    """`write_json`, with a key `checksum` of all the others, for a file that no manifest knows."""
    plain = as_json(value)
    write_json(path, {**plain, _CHECKSUM: checksum(plain)})


def read_sealed(path: Path, fix: str) -> dict[str, Any]:
    """What `write_sealed` wrote; a file without a checksum passes as it is: an older version has made it.

    Args:
        path: of the file.
        fix: what to do where it was damaged.

    Raises:
        UserError: the file is missing or not as it was written.
    """
    try:
        value = read_json(path)
    except UserError as error:
        raise UserError(error.what, where=path, fix=fix) from error
    if not isinstance(value, dict) or value.pop(_CHECKSUM, None) not in (None, checksum(value)):
        raise UserError("differs from what was written: its checksum does not fit", where=path, fix=fix)
    return value


def checksum(value: Any) -> str:
    """XXH3 (128 bits) of what JSON can say, whatever the order of its keys."""
    return xxhash.xxh3_128_hexdigest(json.dumps(value, sort_keys=True).encode())


def as_json(value: Any) -> Any:
    """What reading `value` back from JSON gives: lists for tuples, null for NaN."""
    return json.loads(json.dumps(_finite(value)))


def read_json(path: Path) -> Any:
    """Parse a JSON file.

    Raises:
        UserError: the file is missing or cannot be read, or is not JSON.
    """
    try:
        return json.loads(path.read_bytes().decode())
    except FileNotFoundError:
        raise UserError("no such file", where=path) from None
    except OSError as error:
        raise UserError(f"cannot be read: {error.strerror or error}", where=path) from error
    except (ValueError, RecursionError) as error:  # also what is no UTF-8, nested too deeply, or too long a number
        raise UserError(f"not valid JSON: {error}", where=path) from error


def write_records(path: Path, records: Iterable[Any]) -> None:
    """Make `path` hold exactly these records, as `append_records` would have written them, atomically."""
    write_bytes(path, b"".join(chain.chained(map(record_line, records), 0)))


def append_records(path: Path, records: Iterable[Any]) -> None:
    """Append records (dataclasses or plain dicts) as chained JSON lines, cutting off a torn last line first.

    A file whose lines have no digests gets none: an older version, or the user, has made it.

    Raises:
        UserError: the file cannot be written to, or the disk is full.
    """
    lines = [record_line(record) for record in records]
    if not lines:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            _cut_torn_line(path, file.fileno())
            before = chain.last_digest(path)
            file.write(b"".join(lines if before is None else chain.chained(lines, before)))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise _cannot_write(path, error) from error


def read_records(path: Path, record_type: type[Record]) -> Iterator[Record]:
    """Yield the records of a JSON Lines file in order; nothing if it does not exist; a torn last line is ignored.

    Raises:
        UserError: a whole line is not a record of this type, or its digest does not fit; names file and line.
    """
    if not path.exists():
        return
    adapter = _adapter(record_type)
    with path.open("rb") as file:
        links = chain.Chain()
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                return
            try:
                yield adapter.validate_json(links.checked(line))
            except ValueError as error:
                wrong = isinstance(error, chain.BrokenChainError)
                raise UserError(
                    str(error) if wrong else f"not a {record_type.__name__} record: {str(error).splitlines()[0]}",
                    where=f"{path}:{number}",
                    fix="the file was damaged or changed by hand; delete it to make it again",
                ) from error


def record_line(record: Any) -> bytes:
    """One record as one UTF-8 JSON line."""
    if isinstance(record, dict):
        return json.dumps(_finite(record), ensure_ascii=False).encode() + b"\n"
    return bytes(_adapter(type(record)).dump_json(record)) + b"\n"


def fsync_directory(directory: Path) -> None:
    """Make a rename in `directory` durable."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _adapter(record_type: Any) -> Any:
    if record_type not in _ADAPTERS:
        from pydantic import TypeAdapter  # costs 0.1 s, and `import selfdistill` must be instant

        _ADAPTERS[record_type] = TypeAdapter(record_type)
    return _ADAPTERS[record_type]


def _cut_torn_line(path: Path, descriptor: int) -> None:
    """Truncate to the last newline. Reads backwards in blocks: the file may be large, a torn line may be long."""
    size = os.fstat(descriptor).st_size
    with path.open("rb") as reader:
        end = size
        while end > 0:
            start = max(0, end - 65536)
            reader.seek(start)
            position = reader.read(end - start).rfind(b"\n")
            if position >= 0:
                end = start + position + 1
                break
            end = start
    if end < size:
        os.truncate(path, end)


def _finite(value: Any) -> Any:
    if isinstance(value, float) and value != value:
        return None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return value


def _cannot_write(path: Path, error: OSError) -> UserError:
    return UserError(
        f"cannot write: {error.strerror or error}", where=path, fix="choose another --out or free its directory"
    )
