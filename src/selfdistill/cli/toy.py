"""`selfdistill toy`: the paper's toy with any numbers; prints, and with --out writes, what `explain.toy` computes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from selfdistill.cli.validated import validated
from selfdistill.errors import UserError
from selfdistill.files import write_json

if TYPE_CHECKING:
    from selfdistill.explain.toy.experiment import Experiment, ToyResult

_OPTIONS = {"sampling.temperature": "t-train", "sampling.top_p": "train-top-p", "machine": ""}
_HEAD = "probabilities of tok0,tok1,... (the rest of the vocabulary is a geometric tail)"


def toy(
    out: Annotated[Path | None, typer.Option(help="Write toy.json and the figures (SVG) into this directory.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the numbers as JSON.")] = False,
    lock: Annotated[str | None, typer.Option(help=f"A lock's {_HEAD}; tok0 is right.")] = None,
    fork: Annotated[str | None, typer.Option(help=f"A fork's {_HEAD}; tok0 is right.")] = None,
    root: Annotated[str | None, typer.Option(help=f"The root's {_HEAD}; the first --paths are right.")] = None,
    paths: Annotated[int | None, typer.Option(help="Root tokens that lead on.")] = None,
    forks: Annotated[int | None, typer.Option(help="Forks on each path.")] = None,
    locks: Annotated[int | None, typer.Option(help="Locks on each path.")] = None,
    vocabulary: Annotated[int | None, typer.Option(help="Tokens in all.")] = None,
    tail_ratio: Annotated[float | None, typer.Option(help="Each tail token's probability over the one before.")] = None,
    t_train: Annotated[float | None, typer.Option(help="Temperature that the student's data is sampled at.")] = None,
    train_top_p: Annotated[float | None, typer.Option(help="Its top-p.")] = None,
    top_p: Annotated[float | None, typer.Option(help="Top-p of the decoding, for base and student alike.")] = None,
    runs: Annotated[int | None, typer.Option(help="Simulated walks, as a check.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of the simulation.")] = None,
) -> None:
    """Why self-distillation can work, in a machine small enough to solve exactly.

    A walk passes if it takes a right path, the right branch of a fork, and the one right token at every lock. One
    decoding temperature serves all three. Every default is the paper's (App. C.4).

    What if locks were safer?  selfdistill toy --lock 0.9,0.03,0.02,0.01

    What if programs were longer?  selfdistill toy --locks 10 --out toy/
    """
    from selfdistill.explain.toy.experiment import run_experiment, summary
    from selfdistill.report.charts.toy import write_figures

    machine = {
        "root": _numbers("--root", root),
        "fork": _numbers("--fork", fork),
        "lock": _numbers("--lock", lock),
        "paths": paths,
        "forks": forks,
        "locks": locks,
        "vocabulary": vocabulary,
        "tail_ratio": tail_ratio,
    }
    experiment = _experiment(
        machine, {"temperature": t_train, "top_p": train_top_p}, {"top_p": top_p, "runs": runs, "seed": seed}
    )
    result = run_experiment(experiment)
    document = {"experiment": experiment.model_dump(mode="json"), **summary(result)}
    if out is not None:
        write_json(out / "toy.json", document)
        write_figures(experiment, result, out)
    if as_json:
        typer.echo(json.dumps(document, indent=2))
    else:
        _print(experiment, result, out)


def _numbers(option: str, text: str | None) -> tuple[float, ...] | None:
    if text is None:
        return None
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise UserError(f"{text!r} is not a list of numbers", where=option, fix="write them as 0.75,0.055") from None


def _experiment(machine: dict[str, Any], sampling: dict[str, Any], rest: dict[str, Any]) -> Experiment:
    from selfdistill.explain.toy.experiment import Experiment

    def given(options: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in options.items() if value is not None}

    default = Experiment()
    values = {
        "machine": {**default.machine.model_dump(), **given(machine)},
        "sampling": {**default.sampling.model_dump(), **given(sampling)},
        **given(rest),
    }
    return validated(Experiment, values, _OPTIONS)


def _margin(share: float, runs: int) -> float:
    """Half a 95 % interval of a simulated share, in percent."""
    return 196 * (share * (1 - share) / runs) ** 0.5


def _print(experiment: Experiment, result: ToyResult, out: Path | None) -> None:
    table = Table(title=f"Toy: success at the best temperature, top-p {experiment.top_p:g}", title_justify="left")
    for heading in ("", "T", "success", f"simulated ({experiment.runs:,})", "limit", "tokens kept root/fork/lock"):
        table.add_column(heading, justify="left" if not heading else "right")
    for name, curve in (("base", result.base), (f"student ({experiment.sampling.label})", result.student)):
        table.add_row(
            name,
            f"{curve.best.temperature:.3f}",
            f"{curve.best.success:.2%}",
            f"{100 * curve.simulated:.2f} ± {_margin(curve.simulated, experiment.runs):.2f}%",
            f"{curve.supremum.success:.2%}",
            "/".join(str(count) for count in curve.supports.values()),
        )
    console = Console(markup=False)
    console.print(table)
    kept = ", ".join(f"{state} {count}" for state, count in result.student_supports.items())
    right = result.student_probabilities["lock"][0]
    console.print(f"The student retains: {kept} tokens; its right token at a lock has {right:.1%}.")
    lead = ", ".join(f"{100 * gap:+.1f} at {top_p:g}" for top_p, gap in result.gaps.items())
    console.print(f"Its lead in percentage points, by top-p of the decoding: {lead}.")
    if out is not None:
        console.print(f"Written: {out}")
