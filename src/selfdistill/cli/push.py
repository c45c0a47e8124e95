"""`selfdistill push`: a run's student to the hub. Nothing else of this package uploads anything."""

from __future__ import annotations

from typing import Annotated

import typer

from selfdistill.cli.options import DirectoryArgument
from selfdistill.directory import RunDirectory
from selfdistill.errors import UserError
from selfdistill.run.hub import push_student
from selfdistill.run.integrity import check_student


def push(
    directory: DirectoryArgument,
    repository: Annotated[str, typer.Argument(metavar="REPO", help="OWNER/NAME on the Hugging Face hub.")],
    public: Annotated[bool, typer.Option("--public", help="Let anybody read it; private otherwise.")] = False,
) -> None:
    """Upload a run's student, with its card, to the Hugging Face hub. The card holds the recipe and the results.

    Example:

      selfdistill push runs/mine me/my-student
    """
    student = RunDirectory(directory).student
    if not (student / "config.json").is_file():
        raise UserError("there is no student to push", where=directory, fix=f"run selfdistill train {directory}")
    check_student(student)
    print(push_student(student, repository, public=public))
