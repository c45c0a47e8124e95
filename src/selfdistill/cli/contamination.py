"""`selfdistill contamination`: do prompts, or a run's samples, repeat a benchmark's problems?"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from selfdistill.cli.validated import validated
from selfdistill.directory import RunDirectory, exclusive
from selfdistill.errors import UserError
from selfdistill.measure.contamination.check import compare
from selfdistill.measure.contamination.records import Part
from selfdistill.measure.contamination.run import compare_run, write_contamination
from selfdistill.measure.contamination.sources import prompts_of_file, statements
from selfdistill.problems.benchmarks import load_benchmark, load_problems
from selfdistill.problems.embedded_benchmarks import FAMILIES, embedded_problems
from selfdistill.progress import progress
from selfdistill.recipe.contamination import KINDS, ContaminationSettings
from selfdistill.recipe.prompts import Columns, PromptSettings
from selfdistill.run.integrity import check, seal
from selfdistill.run.own_recipe import read_recipe

_LISTED = 20


def contamination(
    prompts: Annotated[
        str, typer.Argument(metavar="PROMPTS", help="A file of statements, a data set, or a run's directory.")
    ],
    benchmark: Annotated[
        str | None, typer.Argument(metavar="[BENCHMARK]", help="A name, or a file; by default the run's own.")
    ] = None,
    column: Annotated[str, typer.Option(help="The statements' column in PROMPTS.")] = "question",
    words: Annotated[int | None, typer.Option(help="ngram: words in a row in common [13].")] = None,
    shingle: Annotated[int | None, typer.Option(help="near: words of the runs that are compared [3].")] = None,
    similarity: Annotated[float | None, typer.Option(help="near: Jaccard similarity from which on [0.7].")] = None,
    common: Annotated[
        int | None, typer.Option(help="Runs of words in more problems than this do not count [10].")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Every match, as JSON; by default contamination.json here or in the run."),
    ] = None,
) -> None:
    """Find prompts and samples that repeat a benchmark's problems: the same, nearly the same, or words in common.

    Examples:

      selfdistill contamination problems.jsonl humaneval --column statement

      selfdistill contamination runs/mine livecodebench-v6 --out contamination-v6.json
    """
    given = {"words": words, "shingle": shingle, "similarity": similarity, "common": common}
    options = {name: value for name, value in given.items() if value is not None}
    if (Path(prompts) / "manifest.json").is_file():
        parts, path = _of_run(Path(prompts), benchmark, options, out)
    else:
        parts, path = _of_prompts(prompts, benchmark, column, options, out)
    _print(parts)
    print(f"every match: {path.resolve()}")


def _of_run(root: Path, benchmark: str | None, options: dict[str, Any], out: Path | None) -> tuple[list[Part], Path]:
    """Under the recipe's settings, but for the options. Its own benchmark's result goes into the run."""
    run = RunDirectory(root)
    recipe = read_recipe(run)
    settings = _settings({**recipe.checks.contamination.model_dump(), **options})
    problems = load_problems(recipe.evaluation) if benchmark is None else _problems(benchmark)
    path = out or (Path("contamination.json") if benchmark else run.contamination)
    check(run, "prompts", "samples")
    with exclusive(run), progress("comparing with the benchmark", None, "texts") as update:
        parts = compare_run(run, problems, settings, update)
        write_contamination(path, benchmark or recipe.evaluation.benchmark, settings, parts)
        if path.absolute() == run.contamination.absolute():
            seal(run, "contamination")
    return parts, path


def _of_prompts(
    prompts: str, benchmark: str | None, column: str, options: dict[str, Any], out: Path | None
) -> tuple[list[Part], Path]:
    if benchmark is None:
        raise UserError("is no run; to compare prompts, name a benchmark too", where=prompts)
    settings, path = _settings(options), out or Path("contamination.json")
    texts = prompts_of_file(PromptSettings(source=prompts, columns=Columns(statement=column)))
    with progress("comparing with the benchmark", None, "texts") as update:
        parts = [compare(texts, statements(_problems(benchmark)), settings, progress=update)]
    write_contamination(path, benchmark, settings, parts)
    return parts, path


def _settings(values: dict[str, Any]) -> ContaminationSettings:
    return validated(ContaminationSettings, values, {})


def _problems(benchmark: str) -> Any:
    return embedded_problems(FAMILIES[benchmark], "test") if benchmark in FAMILIES else load_benchmark(benchmark)


def _print(parts: list[Part]) -> None:
    """Counts, then the strongest matches. A pipe gets the tables as wide as they are."""
    counts = Table("compared", "texts", *KINDS, title="texts (problems), each under its strongest kind", box=None)
    matches = Table("text", "problem", "kind", "similarity", "words in common", box=None)
    for part in parts:
        cells = [f"{part.counts[kind].texts:,} ({part.counts[kind].problems:,})" for kind in KINDS]
        counts.add_row(f"{part.texts} with {part.against}", f"{part.compared:,}", *cells)
        for match in sorted(part.matches, key=lambda match: (KINDS.index(match.kind), -match.similarity))[:_LISTED]:
            matches.add_row(match.text_id, match.task_id, match.kind, f"{match.similarity:.2f}", match.evidence)
    console = Console(width=None if sys.stdout.isatty() else 200, markup=False)
    console.print(counts)
    if matches.row_count:
        console.print(matches)
