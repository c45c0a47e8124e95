"""`selfdistill explain`: locks and forks of a run's base and student, or of any two models, as a page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from selfdistill.cli.validated import validated
from selfdistill.errors import UserError
from selfdistill.explain.records import ExplainResult
from selfdistill.explain.sample_base import sample_base
from selfdistill.libraries import quiet_libraries
from selfdistill.progress import progress
from selfdistill.recipe.decoding import Decoding
from selfdistill.recipe.explain import AnalysisSettings
from selfdistill.recipe.prompts import PromptSettings
from selfdistill.report.pages import explain_words as words
from selfdistill.report.pages.explain import write_explain, write_figures


def explain(
    directory: Annotated[Path | None, typer.Argument(metavar="[DIR]", help="A run's directory.")] = None,
    base: Annotated[str | None, typer.Option(metavar="MODEL", help="Instead of DIR: the base model.")] = None,
    student: Annotated[str | None, typer.Option(metavar="MODEL", help="With --base: the other model.")] = None,
    prompts: Annotated[
        str | None, typer.Option(metavar="FILE", help="With --base: JSONL or Parquet of statements; the base answers.")
    ] = None,
    column: Annotated[str, typer.Option(help="The statements' column in FILE.")] = "question",
    samples: Annotated[int, typer.Option(help="With --base: how many completions to measure.")] = 100,
    max_new_tokens: Annotated[int, typer.Option(help="With --base: completions are cut off here.")] = 512,
    t_train: Annotated[float, typer.Option(help="With --base: temperature of the sampling decoding.")] = 1.0,
    top_k: Annotated[int, typer.Option(help="With --base: its top-k; 0 is off.")] = 20,
    top_p: Annotated[float, typer.Option(help="With --base: its top-p; 1 is off.")] = 0.8,
    seed: Annotated[int, typer.Option(help="With --base: of the sampling.")] = 0,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where explain.html goes; by default the run's directory.")
    ] = None,
    figures: Annotated[Path | None, typer.Option(metavar="DIR", help="Also write the charts as SVG files.")] = None,
) -> None:
    """See a lock turn into a spike and a fork stay a plateau, on your own model and programs.

    Examples:

      selfdistill explain runs/demo-seed0

      selfdistill explain --base Qwen/Qwen3-0.6B --student runs/mine/student --prompts problems.jsonl --out why/
    """
    models = (base, student, prompts)
    if (directory is None) == (not any(models)) or (any(models) and not all(models)):
        raise UserError("give a run's directory, or --base, --student and --prompts together")
    quiet_libraries()
    if directory is not None:
        result = _of_run(directory)
    else:
        decoding = {"temperature": t_train, "top_k": top_k, "top_p": top_p}
        source = {"source": str(prompts), "columns": {"statement": column}, "limit": samples}
        result = _of_models(str(base), str(student), source, decoding, max_new_tokens=max_new_tokens, seed=seed)
    _write(result, out or directory or Path("explain"), figures)


def _of_run(directory: Path) -> ExplainResult:
    from selfdistill.run.explained import explain_run

    with progress("explaining", None, "positions") as update:
        return explain_run(directory, progress=update)


def _of_models(
    base: str, student: str, source: dict[str, Any], decoding: dict[str, Any], *, max_new_tokens: int, seed: int
) -> ExplainResult:
    from selfdistill.explain.explain import explain_models

    sampling = validated(Decoding, decoding, {"temperature": "t-train"})
    chosen = validated(PromptSettings, source, {"columns.statement": "column", "limit": "samples"})
    prompts, samples = sample_base(base, chosen, sampling, max_new_tokens=max_new_tokens, seed=seed)
    with progress("explaining", None, "positions") as update:
        settings = AnalysisSettings(samples=len(samples))
        return explain_models(base, student, prompts, samples, sampling, settings, progress=update)


def _write(result: ExplainResult, out: Path, figures: Path | None) -> None:
    path = write_explain(result, out)
    if figures is not None:
        write_figures(result, figures)
    typer.echo(words.headline(result))
    for line in words.lines(result):
        typer.echo(line)
    typer.echo(f"The page: {path}")
