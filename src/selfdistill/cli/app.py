"""The commands, wired together."""

from __future__ import annotations

import os
from enum import StrEnum
from typing import Annotated

import typer

from selfdistill.cli.check_base import check_base
from selfdistill.cli.compare import compare
from selfdistill.cli.contamination import contamination
from selfdistill.cli.curve import curve
from selfdistill.cli.decoding_baselines import decoding_baselines
from selfdistill.cli.doctor import doctor
from selfdistill.cli.explain import explain
from selfdistill.cli.grade import grade
from selfdistill.cli.init import init
from selfdistill.cli.method_baselines import method_baselines
from selfdistill.cli.plan import plan
from selfdistill.cli.preview import advise, preview
from selfdistill.cli.prompts import prompts
from selfdistill.cli.push import push
from selfdistill.cli.recipes import recipes
from selfdistill.cli.regressions import regressions
from selfdistill.cli.rounds import rounds
from selfdistill.cli.run import demo, run
from selfdistill.cli.seeds import seeds
from selfdistill.cli.stages import evaluate, report, sample, train
from selfdistill.cli.sweep import sweep
from selfdistill.cli.toy import toy
from selfdistill.events import VARIABLE


class Log(StrEnum):
    """Values of `--log`."""

    TEXT = "text"
    JSON = "json"


app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Simple self-distillation (SSD) of code models: sample, fine-tune on the raw samples, measure honestly.",
)
_COMMANDS = (
    *(demo, init, run, seeds, sample, train, evaluate, report, explain),
    *(preview, advise, sweep, curve, rounds, method_baselines, decoding_baselines),
    *(check_base, compare, contamination, regressions),
    *(prompts, grade, plan, toy, push, recipes, doctor),
)
for _command in _COMMANDS:
    app.command()(_command)


def _version(show: bool) -> None:
    if show:
        from importlib.metadata import version

        print(version("selfdistill"))
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    log: Annotated[
        Log, typer.Option("--log", envvar=VARIABLE, help="What a run reports on stderr: for people, or JSON lines.")
    ] = Log.TEXT,
) -> None:
    """Holds the options of the program as a whole."""
    os.environ[VARIABLE] = log.value
