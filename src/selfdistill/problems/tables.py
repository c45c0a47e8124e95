"""Rows of a table in one file: JSON Lines, a JSON array, CSV, TSV or Parquet, plain or gzip, here or on a store.

The name's ending tells the kind, in capitals or not; gzip and byte order marks show in the first bytes.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from typing import Any

from selfdistill.errors import UserError
from selfdistill.json_rows import json_rows, unpacked
from selfdistill.urls import suffixes

PARQUET_BATCH = 1024  # rows in memory at once
LONGEST_FIELD = 2**31 - 1
"""Characters of one CSV field; Python's own limit is 131,072."""


def table_kind(source: str) -> str | None:
    """The ending that says how to read it, `.jsonl` of `Prompts.JSONL.gz`; None where no kind here has it."""
    endings = [ending.lower() for ending in suffixes(source)]
    if endings[-1:] == [".gz"]:
        endings.pop()
    return endings[-1] if endings and endings[-1] in _READERS else None


def table_rows(source: str) -> Iterator[tuple[str, Any]]:
    """Each row by the names of its columns, with the place where it stands.

    Args:
        source: a file or its URL, of a `table_kind`.

    Raises:
        UserError: it cannot be read, or is broken; names the line or row.
    """
    return _READERS[table_kind(source) or ""](source)


def _csv(source: str, separator: str = ",") -> Iterator[tuple[str, Any]]:
    csv.field_size_limit(LONGEST_FIELD)
    with unpacked(source) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="")
        rows = csv.DictReader(text, delimiter=separator, strict=True)
        try:
            for row in rows:
                where = f"{source}:{rows.line_num}"
                if None in row or None in row.values():
                    raise UserError(f"not as many fields as the {len(rows.fieldnames or ())} columns", where=where)
                yield where, row
        except (csv.Error, UnicodeDecodeError) as error:
            raise UserError(f"not valid CSV: {error}", where=f"{source}:{rows.reader.line_num}") from error


def _tsv(source: str) -> Iterator[tuple[str, Any]]:
    return _csv(source, separator="\t")


def _parquet(source: str) -> Iterator[tuple[str, Any]]:
    import pyarrow
    from pyarrow import parquet

    with unpacked(source) as file:
        try:
            table = parquet.ParquetFile(file)
        except (pyarrow.ArrowInvalid, OSError) as error:
            raise UserError(f"not a Parquet file: {error}", where=source) from error
        number = 0
        for batch in table.iter_batches(PARQUET_BATCH):
            for row in batch.to_pylist():
                number += 1
                yield f"{source}: row {number}", row


_READERS: dict[str, Callable[[str], Iterator[tuple[str, Any]]]] = {
    ".jsonl": json_rows,
    ".ndjson": json_rows,
    ".json": json_rows,
    ".csv": _csv,
    ".tsv": _tsv,
    ".parquet": _parquet,
}
KINDS = tuple(_READERS)
"""Endings that are read; each may be followed by `.gz`."""
