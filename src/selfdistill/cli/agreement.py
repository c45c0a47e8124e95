"""`selfdistill agreement`: does choosing among several answers do without training what SSD does with it?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from selfdistill.directory import RunDirectory
from selfdistill.libraries import quiet_libraries
from selfdistill.studies.choosing.compare import compare_agreement
from selfdistill.studies.choosing.words import markdown


def agreement(
    directories: Annotated[list[Path], typer.Argument(metavar="DIR...", help="Runs with a finished evaluation.")],
) -> None:
    """Of several answers to a problem, give one of the largest group that agrees on inputs from the statement alone.

    No test is seen, nothing is generated or trained: the answers of the run's own evaluation are run on these inputs
    in the sandbox. Results: agreement.json in each run, and a section of its report.

    Example:

      selfdistill agreement runs/demo
    """
    quiet_libraries()

    for root in directories:
        print(markdown(compare_agreement(root)))
        print(f"also in: {RunDirectory(root).agreement.resolve()}")
