"""`selfdistill explain` on two models that come without a run, and its mistakes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from tiny_run import PROMPTS, TinyRun
from typer.testing import CliRunner

from selfdistill.cli.explain import explain
from selfdistill.errors import UserError
from selfdistill.files import read_json


@pytest.fixture
def command() -> typer.Typer:
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(explain)
    return app


def test_two_models_and_a_file_of_prompts(command: typer.Typer, tiny_run: TinyRun, tmp_path: Path) -> None:
    prompts = tmp_path / "prompts.jsonl"
    prompts.write_text("".join(json.dumps({"task": text}) + "\n" for text in PROMPTS))
    arguments = ["--base", str(tiny_run.base), "--student", str(tiny_run.student), "--prompts", str(prompts)]
    options = ["--column", "task", "--samples", "3", "--max-new-tokens", "20", "--out", str(tmp_path / "why")]
    result = CliRunner().invoke(command, [*arguments, *options, "--figures", str(tmp_path / "figures")])
    assert result.exit_code == 0, result.output
    document = read_json(tmp_path / "why" / "explain.json")
    assert document["samples"] == 3
    assert document["sampling"] == "T 1, top-k 20, top-p 0.8"
    assert str(tmp_path / "why" / "explain.html") in result.stdout.replace("\n", "")
    assert (tmp_path / "figures" / "explain-lock.svg").read_text().startswith("<svg")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give a run's directory, or --base"),
        (["--base", "x"], "give a run's directory, or --base"),
        (["runs/x", "--base", "x", "--student", "y", "--prompts", "z"], "give a run's directory, or --base"),
        (["--base", "x", "--student", "y", "--prompts", "z", "--t-train", "-1"], "--t-train: must be"),
        (["--base", "x", "--student", "y", "--prompts", "z", "--samples", "0"], "--samples: must be"),
        (["./nowhere"], "nowhere"),
    ],
)
def test_mistakes_are_one_line(command: typer.Typer, arguments: list[str], message: str) -> None:
    result = CliRunner().invoke(command, arguments)
    assert isinstance(result.exception, UserError), result.exception
    assert message in str(result.exception)
