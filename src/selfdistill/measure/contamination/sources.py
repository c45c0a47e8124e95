"""Where the compared texts come from: a benchmark's problems, a file of prompts, a run's prompts and samples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from selfdistill.files import read_records
from selfdistill.measure.contamination.records import Reference
from selfdistill.problems.programs.extract import extract_code
from selfdistill.problems.sources import read_statements
from selfdistill.records import PredictionTests, Problem, Prompt, Sample

if TYPE_CHECKING:
    from selfdistill.directory import RunDirectory
    from selfdistill.measure.contamination.check import Texts
    from selfdistill.recipe.prompts import PromptSettings


def statements(problems: Sequence[Problem]) -> list[Reference]:
    """What the problems ask, in their source's own words where we added some (MBPP's tests)."""
    return [Reference(problem.task_id, problem.metadata.get("task", problem.statement)) for problem in problems]


def solutions(problems: Sequence[Problem]) -> list[Reference]:
    """The reference solutions that are known, without the statement that some begin with."""
    return [
        Reference(problem.task_id, problem.reference.removeprefix(problem.program_prefix))
        for problem in problems
        if problem.reference and not isinstance(problem.tests, PredictionTests)  # a value there, not a program
    ]


def prompts_of_file(settings: PromptSettings) -> Texts:
    """Statements of a file, a directory or a data set; the id is the column's, or the row's number.

    Raises:
        UserError: the source cannot be read, or lacks the column.
    """
    for number, row in enumerate(read_statements(settings), start=1):
        if row.encodable:  # no run keeps the others
            yield row.prompt_id or f"row {number}", row.statement


def prompts_of_run(directory: RunDirectory) -> Texts:
    """The statements that a run's samples were drawn for, before any template."""
    for prompt in read_records(directory.prompts, Prompt):
        yield prompt.prompt_id, prompt.statement or prompt.text


def samples_of_run(directory: RunDirectory) -> Texts:
    """A run's samples, whole."""
    for sample in read_records(directory.samples, Sample):
        yield sample.key, sample.text


def programs_of_run(directory: RunDirectory) -> Iterator[tuple[str, str]]:
    """The samples' programs: the last code block of a chat answer, else the whole sample."""
    for text_id, text in samples_of_run(directory):
        yield text_id, extract_code(text) or text
