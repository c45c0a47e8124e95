"""Tasks of plain text: the documents that a model has to predict."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from selfdistill.embedded.corpus import held_out
from selfdistill.errors import UserError
from selfdistill.problems.sources import read_statements
from selfdistill.recipe.prompts import Columns, PromptSettings
from selfdistill.recipe.tasks import EMBEDDED_TEXT

if TYPE_CHECKING:
    from selfdistill.recipe.tasks import Task

DOCUMENTS = 1_000
"""Documents of a task, unless the recipe says less."""


def task_documents(task: Task, most: int | None) -> list[tuple[str, str]]:
    """(name, text) of the task's first documents, `most` of them.

    Raises:
        UserError: no such file, no column `text`, or no document in it.
    """
    limit = most or DOCUMENTS
    if task.source == EMBEDDED_TEXT:
        return [(f"document {number}", text) for number, text in enumerate(held_out(limit), start=1)]

    rows = read_statements(PromptSettings(source=task.source, columns=Columns(statement="text")))
    texts = (row.statement for row in rows if row.statement.strip() and row.encodable)
    documents = [(f"row {number}", text) for number, text in enumerate(itertools.islice(texts, limit), start=1)]
    if not documents:
        raise UserError("holds no text", where=task.source)
    return documents
