"""Reading problem statements: the embedded set, JSON Lines, Parquet, a `datasets` directory, or a hub data set.

JSON Lines and Parquet may be on object storage. Only reads; what is kept and how it is rendered is decided in
`prepare.py`. No code of a data set is ever run.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selfdistill.errors import UserError
from selfdistill.prompts.built_in import BUILT_IN, built_in_statements
from selfdistill.urls import is_url, reading, suffixes

if TYPE_CHECKING:
    from selfdistill.recipe.schema import Columns, PromptSettings

PARQUET_BATCH = 1024  # rows in memory at once


@dataclass(frozen=True, slots=True)
class Statement:
    """One row of a source."""

    statement: str
    starter_code: str = ""
    prompt_id: str | None = None
    continuation: str = ""
    """An existing text after it."""


def read_statements(settings: PromptSettings, *, texts: bool = False) -> Iterator[Statement]:
    """Yield the source's rows in order.

    Args:
        settings: the recipe's prompts section.
        texts: also the existing texts.

    Raises:
        UserError: the source is missing, broken (file and line named), empty of the columns, or not a data set.
    """
    if settings.source in BUILT_IN:
        yield from built_in_statements(settings.source, texts=texts)
        return
    source = settings.source
    suffix = (suffixes(source) or [""])[-1]
    if suffix in (".jsonl", ".json", ".parquet") and not is_url(source) and not Path(source).is_file():
        raise UserError("no such file", where=source, fix="set prompts.source to a file, a directory or a hub id")
    if suffix == ".jsonl":
        rows = _json_lines(source)
    elif suffix == ".parquet":
        rows = _parquet(source)
    elif is_url(source):
        raise UserError("is neither .jsonl nor .parquet", where=source, fix="give the address of one such file")
    else:
        rows = _dataset(settings)
    yield from _statements(rows, settings.columns, texts=texts)


def _json_lines(path: str) -> Iterator[tuple[str, Any]]:
    with reading(path) as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                yield f"{path}:{number}", json.loads(line)
            except (json.JSONDecodeError, UnicodeDecodeError) as error:
                raise UserError(f"not valid JSON: {error}", where=f"{path}:{number}") from error


def _parquet(path: str) -> Iterator[tuple[str, Any]]:
    import pyarrow
    from pyarrow import parquet

    with reading(path) as file:
        try:
            table = parquet.ParquetFile(file)
        except (pyarrow.ArrowInvalid, OSError) as error:
            raise UserError(f"not a Parquet file: {error}", where=path) from error
        number = 0
        for batch in table.iter_batches(PARQUET_BATCH):
            for row in batch.to_pylist():
                number += 1
                yield f"{path}: row {number}", row


def _dataset(settings: PromptSettings) -> Iterator[tuple[str, Any]]:
    rows: Iterable[Any] = _load_dataset(settings)
    for number, row in enumerate(rows, start=1):
        yield f"{settings.source}: row {number}", row


def _load_dataset(settings: PromptSettings) -> Any:
    import datasets

    path = Path(settings.source)
    try:
        if (path / "dataset_dict.json").is_file() or (path / "state.json").is_file():
            loaded = datasets.load_from_disk(str(path))
            return loaded[settings.split] if isinstance(loaded, datasets.DatasetDict) else loaded
        return datasets.load_dataset(settings.source, settings.subset, split=settings.split)
    except (ValueError, KeyError, OSError, RuntimeError, datasets.exceptions.DatasetsError) as error:
        # The libraries underneath raise many kinds of errors for "no such data set", "no such split", "no network".
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(
            f"cannot load this data set (subset {settings.subset}, split {settings.split}): {reason}",
            where=settings.source,
            fix="check the name, prompts.subset and prompts.split, and the network",
        ) from error


def _statements(rows: Iterable[tuple[str, Any]], columns: Columns, *, texts: bool) -> Iterator[Statement]:
    for where, row in rows:
        if not isinstance(row, dict):
            raise UserError("not an object with named columns", where=where)
        yield Statement(
            statement=_text(row, columns.statement, "statement", where),
            starter_code=_text(row, columns.starter_code, "starter_code", where) if columns.starter_code else "",
            prompt_id=_text(row, columns.id, "id", where) if columns.id else None,
            continuation=_text(row, columns.text, "text", where) if texts else "",
        )


def _text(row: dict[str, Any], column: str, role: str, where: str) -> str:
    if column not in row:
        raise UserError(
            f"no column {column}; there are: {', '.join(map(str, row))}",
            where=where,
            fix=f"set prompts.columns.{role}",
        )
    value = row[column]
    return "" if value is None else str(value)
