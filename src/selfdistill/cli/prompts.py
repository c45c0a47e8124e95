"""`selfdistill prompts`: from a model itself, a code base, files, the hub, or a mixture of them, into one file."""

from __future__ import annotations

import json
from dataclasses import asdict
from math import isfinite
from pathlib import Path
from typing import Annotated, Any

import typer

from selfdistill.cli.options import SetOption
from selfdistill.cli.settings import keep_settings
from selfdistill.errors import UserError
from selfdistill.files import record_line, write_bytes, write_json
from selfdistill.libraries import quiet_libraries
from selfdistill.measure.contamination.run import prompt_filter
from selfdistill.measure.diversity import Diversity, diversity
from selfdistill.models.paths import resolve_path
from selfdistill.problems.prepare import PromptCounts, select
from selfdistill.problems.render import load_renderer
from selfdistill.problems.statement import Statement
from selfdistill.recipe.load import load_recipe
from selfdistill.recipe.prompt_sources import MIXTURE
from selfdistill.recipe.schema import Recipe
from selfdistill.run.fingerprints import fingerprint_model
from selfdistill.run.self_written import check_self, is_self_written, write_self


def prompts(
    sources: Annotated[
        list[str],
        typer.Argument(metavar="SOURCE...", help="self, repository:DIR, a file, a directory or a hub data set."),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="JSON Lines; a recipe's prompts.source.")],
    model: Annotated[
        str | None, typer.Option(metavar="MODEL", help="Writes the source self; of others drops what it cannot hold.")
    ] = None,
    weights: Annotated[str | None, typer.Option(metavar="LIST", help="Shares of the sources, e.g. 2,1.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Keep at most this many.")] = None,
    benchmark: Annotated[
        str | None, typer.Option(metavar="NAME_OR_FILE", help="Leave out prompts that are near to its problems.")
    ] = None,
    held_out: Annotated[
        Path | None,
        typer.Option("--held-out", metavar="FILE", help="Write a code base's functions with doctests there."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Every random draw comes from it.")] = 0,
    show: Annotated[int, typer.Option(min=0, help="Print this many of them.")] = 3,
    overrides: SetOption = None,
) -> None:
    """Write prompts to a file, and say how many were dropped, why, and how different the others are. Resumes.

    Keys of a recipe's prompts section say more: --set prompts.self_written.count=5000, --set
    prompts.columns.statement=text.

    Examples:

      selfdistill prompts self --model Qwen/Qwen2.5-Coder-0.5B-Instruct --benchmark humaneval --out prompts.jsonl

      selfdistill prompts repository:src --out prompts.jsonl --held-out benchmark.jsonl

      selfdistill prompts repository:src self --weights 1,3 --model ./my-model --limit 4000 --out prompts.jsonl
    """
    quiet_libraries()
    counted = out.with_name(f"{out.name}.counts.json")
    if out.exists() and not counted.exists():
        raise UserError("is there already, and not by this command", where=out, fix="choose another --out")
    if held_out is not None:
        _write_held_out(sources, held_out)
    recipe = _recipe(sources, model, weights, limit, benchmark, seed, overrides or [])
    rows, counts = _select(recipe, out, model, benchmark)
    found = diversity([row["question"] for row in rows])
    write_json(counted, _summary(counts, found, benchmark))  # first: it tells whose the file is
    write_bytes(out, b"".join(map(record_line, rows)))
    _print(rows, counts, found, benchmark, show)
    print(f"prompts: {out.resolve()}")


def _write_held_out(sources: list[str], path: Path) -> None:
    """The benchmark of the one code base among the sources, as a file: it stays the same when the code changes."""
    from selfdistill.files import record_line, write_bytes
    from selfdistill.problems.held_out import held_out
    from selfdistill.problems.repository import is_repository

    bases = [source for source in sources if is_repository(source)]
    if len(bases) != 1:
        raise UserError("is for one source repository:DIR", where="--held-out")
    found = held_out(bases[0])
    write_bytes(path, b"".join(map(record_line, found.problems)))
    reasons = "".join(f", {count} {reason}" for reason, count in sorted(found.left_out.items()))
    print(f"held out: {len(found.problems)} functions with doctests in {path.resolve()}{reasons}")


def _recipe(
    sources: list[str],
    model: str | None,
    weights: str | None,
    limit: int | None,
    benchmark: str | None,
    seed: int,
    overrides: list[str],
) -> Recipe:
    """A recipe with these prompts; what it says of training is not used."""
    shares = _weights(weights, len(sources))
    parts = [{"source": source, "weight": share} for source, share in zip(sources, shares, strict=True)]
    chosen = {"source": sources[0]} if len(sources) == 1 else {"source": MIXTURE, "mixture": parts}
    tree = {
        **{f"prompts.{key}": value for key, value in chosen.items()},
        "prompts.chat": "auto",
        "prompts.template": "auto",
        "prompts.limit": limit,
        "model.path": model or "embedded",
        "model.dtype": "auto",
        "engine.batch_size": 64,
        "engine.shard_size": 512,
        "evaluation.benchmark": benchmark or "embedded",
        "checks.contamination.drop": "near" if benchmark else None,
        "seed": seed,
    }
    return load_recipe("demo", [*(f"{key}={json.dumps(value)}" for key, value in tree.items()), *overrides])


def _weights(text: str | None, sources: int) -> list[float]:
    if text is None:
        return [1.0] * sources
    try:
        found = [float(each) for each in text.split(",")]
    except ValueError:
        found = []
    if len(found) != sources or not all(isfinite(each) and each > 0 for each in found):
        raise UserError(f"is {text!r}, not a positive number for each of {sources} sources", where="--weights")
    return found


def _select(
    recipe: Recipe, out: Path, model: str | None, benchmark: str | None
) -> tuple[list[dict[str, str]], PromptCounts]:
    overlaps = prompt_filter(recipe.checks.contamination, recipe.evaluation)
    written = _written(recipe, out, model)
    renderer, context = load_renderer(recipe.model, recipe.prompts) if model else (None, 0)

    def row(prompt_id: str, statement: Statement) -> dict[str, str] | str:
        if overlaps is not None and overlaps(statement.statement):
            return "contamination"
        if renderer and len(renderer.render(statement.statement, statement.starter_code).token_ids) >= context:
            return "too long"
        fields = {"id": prompt_id, "question": statement.statement, "starter_code": statement.starter_code}
        return {**fields, "source": statement.origin or recipe.prompts.source}

    rows, counts = select(recipe.prompts, row, seed=recipe.seed, written=written)
    if not rows:
        reasons = ", ".join(f"{count} {reason}" for reason, count in counts.dropped.items()) or "the source is empty"
        raise UserError(f"no prompt is left of {counts.loaded}: {reasons}", where=recipe.prompts.source)
    return rows, counts


def _written(recipe: Recipe, out: Path, model: str | None) -> Path | None:
    """What the model wrote, beside `out`."""
    if not is_self_written(recipe.prompts):
        return None
    if model is None:
        raise UserError("a model must write these prompts", where="self", fix="give --model MODEL")

    check_self(recipe)
    samples = out.with_name(f"{out.stem}.written.jsonl")
    keep_settings(
        samples,
        {
            "model": model,
            "weights": fingerprint_model(resolve_path(model), recipe.model.revision),
            "seed": recipe.seed,
            "engine": recipe.engine.model_dump(mode="json"),
            "dtype": recipe.model.dtype,
            **recipe.prompts.self_written.model_dump(mode="json"),
        },
    )
    rows = out.with_name(f"{out.stem}.turns.jsonl")
    write_self(recipe, samples, rows)
    return rows


def _summary(counts: PromptCounts, found: Diversity, benchmark: str | None) -> dict[str, Any]:
    return {**asdict(counts), "contamination_checked": benchmark, "diversity": asdict(found)}


def _print(
    rows: list[dict[str, str]], counts: PromptCounts, found: Diversity, benchmark: str | None, show: int
) -> None:
    print(f"{counts.kept:,} of {counts.loaded:,} are prompts")
    for reason, count in sorted(counts.dropped.items(), key=lambda item: -item[1]):
        print(f"  {count:>8,}  dropped: {reason}")
    for source, count in counts.sources.items():
        print(f"  {count:>8,}  kept of {source}")
    print(f"contamination: {f'checked against {benchmark}' if benchmark else 'not checked; --benchmark NAME does'}")
    print(
        f"diversity: {found.openings:.0%} different first four words, {found.distinct_pairs:.0%} of word pairs "
        f"different, {found.vocabulary:,} words; similarity to the nearest other {found.nearest:.2f}; "
        f"median length {found.words:.0f} words"
    )
    for row in rows[:: max(1, len(rows) // show)][:show] if show else ():
        print(f"\n--- {row['id']}\n{row['question']}" + (f"\n{row['starter_code']}" if row["starter_code"] else ""))
