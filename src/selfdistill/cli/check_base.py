"""`selfdistill check-base`: is the measurement itself right?"""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from selfdistill.cli.options import one_of
from selfdistill.cli.settings import keep_settings
from selfdistill.engines.choose import settle
from selfdistill.errors import UserError
from selfdistill.files import read_json, write_json
from selfdistill.grading.isolation import require
from selfdistill.libraries import quiet_libraries
from selfdistill.measure.published.check import Score, measure, samples_path
from selfdistill.measure.published.protocols import Protocol, load_protocol, protocol_names
from selfdistill.measure.published.scores import PublishedModel, difference, published_model, published_names
from selfdistill.measure.words import percent, percent_interval, point_interval
from selfdistill.models.configs import load_config
from selfdistill.models.paths import resolve_path
from selfdistill.problems.benchmarks import names
from selfdistill.recipe.engine import ENGINES, EngineSettings
from selfdistill.recipe.model import ModelSettings
from selfdistill.run.fingerprints import fingerprint_file, fingerprint_model


def check_base(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A directory or a hub id.")],
    benchmarks: Annotated[
        list[str] | None,
        typer.Option("--benchmark", metavar="NAME[=FILE]", help="humaneval, mbpp+=MbppPlus.jsonl, ...; repeat it."),
    ] = None,
    protocol: Annotated[
        str, typer.Option(metavar="NAME_OR_FILE", help="How to measure; `--protocol list` lists them.")
    ] = "qwen2.5-coder-instruct",
    published: Annotated[
        str | None, typer.Option(metavar="NAME", help="Which published model this is, if MODEL does not say.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where samples and verdicts go; by default runs/check-MODEL.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Use this many problems of each benchmark.")] = None,
    engine: Annotated[str, typer.Option(help="auto, transformers or vllm.")] = "auto",
    batch_size: Annotated[int, typer.Option(min=1, help="Completions at the same time.")] = 64,
    dtype: Annotated[str, typer.Option(help="auto, float32, bfloat16 or float16.")] = "auto",
) -> None:
    """Measure a model under a published protocol, beside the published number. The same command resumes.

    Do it before you believe a gain: where the base does not score what its makers say, something else than the model is
    measured.

    Examples:

      selfdistill check-base Qwen/Qwen2.5-Coder-0.5B-Instruct --benchmark humaneval

      selfdistill check-base ./my-model --published qwen2.5-coder-1.5b-instruct --benchmark humaneval=HumanEval.jsonl.gz
    """
    if protocol == "list":
        _print_protocols()
        return
    one_of("--engine", engine, ("auto", *(name for name, kind in ENGINES.items() if not kind.on_server)))
    one_of("--dtype", dtype, ("auto", "float32", "bfloat16", "float16"))
    how = load_protocol(protocol)
    sources = _sources(benchmarks or [how.benchmarks[0]])
    require("full")
    quiet_libraries()
    settings = ModelSettings.model_validate({"path": model, "dtype": dtype})
    row = published_model(protocol, model, load_config(model), published)
    place = out or Path("runs") / f"check-{Path(model).name}"
    place.mkdir(parents=True, exist_ok=True)
    generator = _generator(place, settings, engine, batch_size)
    kept = {"model": fingerprint_model(resolve_path(model), None), "dtype": dtype, "engine": generator.kind}
    keep_settings(place, {**kept, "batch_size": batch_size, "limit": limit, "protocol": how.model_dump(mode="json")})
    for name, source in sources.items():
        keep_settings(samples_path(place, name), {"benchmark": _fingerprint(source)})
    rows = [_compared(score, row) for score in measure(settings, generator, how, sources, place, limit=limit)]
    write_json(place / "check-base.json", {"protocol": protocol, "published": row and row.name, "benchmarks": rows})
    _print(rows, how, row)
    print(f"everything: {(place / 'check-base.json').resolve()}")
    if row is None:
        _print_unknown(protocol)


def _generator(place: Path, model: ModelSettings, kind: str, batch_size: int) -> EngineSettings:
    """The engine; `auto` is what the results that are there were begun with."""
    kept = place / "settings.json"
    if kind == "auto" and kept.is_file():
        kind = read_json(kept).get("engine", kind)
    return settle(model, EngineSettings.model_validate({"kind": kind, "batch_size": batch_size}))


def _print_protocols() -> None:
    for name in protocol_names():
        print(f"{name}: {load_protocol(name).title}")


def _sources(given: list[str]) -> dict[str, str]:
    """Benchmarks by their published name: `NAME=FILE`, or a name that the hub knows."""
    sources = {}
    for each in given:
        name, equals, source = each.partition("=")
        if not re.fullmatch(r"[A-Za-z0-9][\w.+-]*", name) or not (source if equals else name in names()):
            fix = f"give NAME=FILE, or one of {', '.join(names())}"
            raise UserError(f"--benchmark is {each!r}", fix=fix)
        sources[name] = source if equals else name
    return sources


def _fingerprint(source: str) -> str:
    """Of a file's bytes; a name on the hub stands for itself."""
    return fingerprint_file(Path(source)) if Path(source).is_file() else source


def _compared(score: Score, row: PublishedModel | None) -> dict[str, Any]:
    """One benchmark's numbers, ours and theirs, as JSON."""
    theirs = row.scores.get(score.benchmark) if row else None
    problems = row.problems[score.benchmark] if row and theirs is not None else None
    apart = difference(score.estimate, theirs, problems) if theirs is not None and problems else None
    return {
        **asdict(score),
        "published": theirs,
        "published_problems": problems,
        "difference": apart and asdict(apart),
    }


def _print(rows: list[dict[str, Any]], protocol: Protocol, row: PublishedModel | None) -> None:
    table = Table("benchmark", "problems", "ours, pass@1 [95 %]", "published", "ours - published [95 %]", box=None)
    for each in rows:
        theirs, apart = each["published"], each["difference"]
        table.add_row(
            each["benchmark"],
            str(each["estimate"]["problems"]),
            percent_interval(each["estimate"]),
            "none known" if theirs is None else percent(theirs),
            "" if apart is None else point_interval(apart),
        )
    console = Console(markup=False, highlight=False)
    console.print(table)
    console.print(f"protocol: {protocol.title} ({protocol.source})")
    if row is not None:
        console.print(f"published: {row.name}, {row.source}")
    for each in rows:
        for line in _explanations(each):
            console.print(f"{each['benchmark']}: {line}")
    for note in protocol.notes if any(each["published"] is not None for each in rows) else ():
        console.print(f"may differ: {note}")


def _explanations(row: dict[str, Any]) -> list[str]:
    """What a difference could come from, as far as it was counted."""
    total = row["samples"]
    lines = []
    apart = row["difference"]
    if apart is not None and apart["low"] <= 0 <= apart["high"]:
        lines.append("no difference is shown; the interval is as if both had been measured on different problems")
    if row["published_problems"] not in (None, row["estimate"]["problems"]):
        lines.append(f"theirs are {row['published_problems']} problems, ours {row['estimate']['problems']}")
    ended = ", ".join(f"{100 * count / total:.1f} % {_ENDS[reason]}" for reason, count in sorted(row["ended"].items()))
    lines.append(f"answers: {ended}")
    if row["ended"].get("length", 0) > total / 20:
        lines.append("more than one in twenty is cut off at the limit of tokens or at the context")
    for outcome in ("no code", "harness error"):
        if row["outcomes"].get(outcome):
            lines.append(f"{row['outcomes'][outcome]} of {total} programs: {outcome}")
    passed = row["passed"]
    if passed and passed.get("needed") != passed.get("whole"):
        lines.append(f"passed under answers needed: {passed.get('needed', 0)}, whole: {passed.get('whole', 0)}")
    return lines


_ENDS = {"stop": "end their turn", "stop_string": "reach a stop string", "length": "are cut off"}


def _print_unknown(protocol: str) -> None:
    known = ", ".join(published_names(protocol))
    print(f"no published score is known for this model under {protocol}; known: {known or 'none'} (--published NAME)")
