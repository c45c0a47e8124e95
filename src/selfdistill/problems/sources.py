"""Reading problem statements: the embedded set, a table in a file, a data set, a code base, or several of these.

Files may be on object storage. Only reads; what is kept and how it is rendered is decided in `prepare.py`. No code of a
data set is ever run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selfdistill.errors import UserError
from selfdistill.problems.built_in import built_in_statements
from selfdistill.problems.cells import name_of, statement_of, text_of
from selfdistill.problems.mixture import parts
from selfdistill.problems.repository import is_repository, repository_statements
from selfdistill.problems.source_kinds import is_data_set
from selfdistill.problems.statement import Statement
from selfdistill.problems.tables import KINDS, table_kind, table_rows
from selfdistill.recipe.prompt_sources import BUILT_IN, MIXTURE, SELF
from selfdistill.urls import is_url

if TYPE_CHECKING:
    from selfdistill.recipe.prompts import PromptSettings


def read_statements(
    settings: PromptSettings, *, texts: bool = False, written: Path | None = None
) -> Iterator[Statement]:
    """Yield the source's rows in order.

    Args:
        settings: the recipe's prompts section.
        texts: also the existing texts.
        written: where the source `self` is, once a model has written it.

    Raises:
        UserError: the source is missing, broken (file and line named), empty of the columns, or not a data set.
    """
    source = settings.source
    if source == MIXTURE:
        for part, own in parts(settings):
            yield from (replace(row, origin=part.label) for row in read_statements(own, texts=texts, written=written))
        return
    _refuse_parts(settings)
    if source in BUILT_IN:
        yield from built_in_statements(source, texts=texts)
        return
    if source == SELF:
        yield from _written(written)
        return
    if is_repository(source):
        yield from repository_statements(source)
        return
    if table_kind(source) is not None and not Path(source).is_dir():
        if not is_url(source) and not Path(source).is_file():
            raise UserError("no such file", where=source, fix="set prompts.source to a file, a directory or a hub id")
        rows = table_rows(source)
    elif is_url(source) or Path(source).is_file():
        raise UserError(f"is none of the kinds that are read: {', '.join(KINDS)}, each also with .gz", where=source)
    else:
        rows = _dataset(settings)
    yield from _statements(rows, settings, texts=texts)


def _refuse_parts(settings: PromptSettings) -> None:
    """A split or subset that would change nothing is a mistake: the user believes that less is read.

    Args:
        settings: of one source, no mixture.

    Raises:
        UserError: the source has no such parts.
    """
    default = type(settings).model_fields["split"].default
    named = ("split",) if settings.split != default else ("subset",) if settings.subset is not None else ()
    for key in named:
        if not is_data_set(settings.source):
            raise UserError(
                f"{settings.source} is read whole: it has no {key} {getattr(settings, key)}",
                where=f"prompts.{key}",
                fix="leave the key out; only directories and hub ids of data sets have splits and subsets",
            )


def _written(path: Path | None) -> Iterator[Statement]:
    """What a model wrote, with the reasons why some of it is no prompt (`steps/sampling/user_turns.py`)."""
    if path is None:
        raise UserError(
            "is written by a model, and not there yet",
            where=SELF,
            fix="write it to a file: selfdistill prompts self --model MODEL --out FILE",
        )
    for _, row in table_rows(str(path)):
        yield Statement(row["question"], prompt_id=row["id"], left_out=row["left_out"])


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


def _statements(rows: Iterable[tuple[str, Any]], settings: PromptSettings, *, texts: bool) -> Iterator[Statement]:
    columns = settings.columns
    for where, row in rows:
        if not isinstance(row, dict):
            raise UserError("not an object with named columns", where=where)
        question = _cell(row, columns.statement, "statement", where)
        yield Statement(
            statement=statement_of(question, columns.statement, where, settings.system),
            starter_code=_text(row, columns.starter_code, "starter_code", where) if columns.starter_code else "",
            prompt_id=name_of(_cell(row, columns.id, "id", where), columns.id, where) if columns.id else None,
            continuation=_text(row, columns.text, "text", where) if texts else "",
        )


def _text(row: dict[str, Any], column: str, role: str, where: str) -> str:
    return text_of(_cell(row, column, role, where), column, role, where)


def _cell(row: dict[str, Any], column: str, role: str, where: str) -> Any:
    if column not in row:
        raise UserError(
            f"no column {column}; there are: {', '.join(map(str, row))}",
            where=where,
            fix=f"set prompts.columns.{role}",
        )
    return row[column]
