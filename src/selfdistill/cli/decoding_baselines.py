"""`selfdistill decoding-baselines`: does a smarter decoder do without training what SSD does with it?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from selfdistill.decoding.families import read_grid
from selfdistill.directory import RunDirectory
from selfdistill.libraries import quiet_libraries
from selfdistill.studies.decoding_baselines.compare import compare
from selfdistill.studies.decoding_baselines.pool import pool
from selfdistill.studies.decoding_baselines.words import markdown


def decoding_baselines(
    directories: Annotated[
        list[Path], typer.Argument(metavar="DIR...", help="Trained runs; several seeds of one recipe are pooled.")
    ],
    grid: Annotated[
        Path | None, typer.Option(metavar="FILE", help="YAML of families and their settings; unset: the built-in one.")
    ] = None,
    tune_on: Annotated[
        str | None,
        typer.Option(metavar="BENCHMARK", help="Validation problems; embedded runs have their own."),
    ] = None,
    tune_limit: Annotated[int | None, typer.Option(min=1, help="Tune on a subset of this many problems.")] = None,
) -> None:
    """Compare SSD with decoders: min-p, top-n-sigma, adaptive temperatures, Python syntax. Nothing is trained.

    Each is tuned on validation problems, for base and student apart, and tested once on the run's own problems.
    Results: decoding-baselines.json in each run, and a section of its report. The same command resumes.

    Examples:

      selfdistill decoding-baselines runs/demo-seed0

      selfdistill decoding-baselines runs/seeds/seed-0 runs/seeds/seed-1
    """
    quiet_libraries()

    families = read_grid(grid)
    found = [compare(root, families, tune_on=tune_on, tune_limit=tune_limit) for root in directories]
    print(markdown(found[0] if len(found) == 1 else pool(directories)))
    for root in directories:
        print(f"also in: {RunDirectory(root).decoding_baselines.resolve()}")
