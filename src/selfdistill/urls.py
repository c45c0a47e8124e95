"""Files by path, or by URL (`s3://`, `gs://`, `hf://`, `https://`, ...) through fsspec, which knows these stores.

A store's own package (s3fs for `s3://`, gcsfs for `gs://`) must be there; it finds credentials where it always does.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any

from selfdistill.errors import UserError, first_line


def is_url(source: str | Path) -> bool:
    """Whether this names something on a store rather than a local path."""
    return "://" in str(source)


def suffixes(source: str | Path) -> list[str]:
    """The suffixes of a path or URL: ['.jsonl', '.gz']."""
    return PurePosixPath(str(source)).suffixes


@contextmanager
def reading(source: str | Path) -> Iterator[IO[bytes]]:
    """Open a path or URL for reading, in bytes.

    Raises:
        UserError: there is no such file, it is none but a device or a pipe, it may not be read, or its store cannot be
        reached.
    """
    try:
        file: IO[bytes] = _open(str(source))
    except FileNotFoundError:
        raise UserError("no such file", where=source) from None
    except Exception as error:
        if not is_url(source) and not isinstance(error, OSError):
            raise
        raise _unreachable(source, error) from error
    with file:
        yield file


def filesystem(url: str) -> tuple[Any, str]:
    """The fsspec file system of a URL, and the path on it.

    Raises:
        UserError: no such kind of store, or the package that speaks to it is missing.
    """
    import fsspec

    try:
        return fsspec.url_to_fs(url)
    except Exception as error:  # every store's package has errors of its own
        raise _unreachable(url, error) from error


def _open(source: str) -> IO[bytes]:
    if not is_url(source):
        local = Path(source)
        if local.exists() and not (local.is_file() or local.is_dir()):  # endless, or gone once it is read
            raise UserError("is a device or a pipe", where=source, fix="give a file")
        return local.open("rb")
    system, path = filesystem(source)
    return system.open(path, "rb")


def _unreachable(source: str | Path, error: Exception) -> UserError:
    if isinstance(error, UserError):
        return error
    gist = first_line(error)
    fix = "install the store's package, e.g. pip install s3fs" if isinstance(error, ImportError) else None
    return UserError(f"cannot be read: {gist}", where=source, fix=fix)
