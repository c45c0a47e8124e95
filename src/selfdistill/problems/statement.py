"""One row of a source of prompts or texts."""

from __future__ import annotations

from dataclasses import dataclass

from selfdistill.problems.cells import encodable


@dataclass(frozen=True, slots=True)
class Statement:
    """One row of a source."""

    statement: str
    starter_code: str = ""
    prompt_id: str | None = None
    continuation: str = ""
    """An existing text after it."""
    left_out: str = ""
    """Why its source itself does not offer it; such a row is only counted."""
    origin: str = ""
    """Its part of a mixture; "" where the source is one."""

    @property
    def encodable(self) -> bool:
        """Whether all of it can be written as UTF-8."""
        return encodable(self.statement, self.starter_code, self.prompt_id or "", self.continuation)


def normalised(statement: str) -> str:
    """A statement with every run of white space as one blank: what duplicates are judged by."""
    return " ".join(statement.split())
