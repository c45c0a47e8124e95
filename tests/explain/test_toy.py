"""The toy against the numbers printed in the paper (Sec. 4.2, App. C.4), and against simulation."""

from __future__ import annotations

import json
import math
import xml.etree.ElementTree as ET

import pytest
import torch
import typer
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from typer.testing import CliRunner

from selfdistill.cli.toy import toy
from selfdistill.errors import UserError
from selfdistill.explain.toy.experiment import Experiment, ToyResult, run_experiment
from selfdistill.explain.toy.machine import FORK, LOCK, ROOT, Machine, policy, simulated_success, success_probability
from selfdistill.recipe.decoding import Decoding
from selfdistill.report.charts.toy import write_figures


@pytest.fixture(scope="module")
def paper() -> ToyResult:
    return run_experiment(Experiment())


def percent(values: tuple[float, ...]) -> list[str]:
    return [f"{100 * value:.1f}" for value in values]


def test_best_temperatures_and_success_to_the_printed_digits(paper: ToyResult) -> None:
    assert f"{100 * paper.base.best.success:.2f}" == "8.32"
    assert f"{paper.base.best.temperature:.3f}" == "0.639"
    assert f"{100 * paper.student.best.success:.2f}" == "13.77"
    assert f"{paper.student.best.temperature:.3f}" == "2.091"


def test_student_to_the_printed_digits(paper: ToyResult) -> None:
    assert paper.student_supports == {"root": 4, "fork": 5, "lock": 2}
    probabilities = paper.student_probabilities
    assert percent(probabilities["lock"])[:2] == ["94.8", "5.2"]
    assert percent(probabilities["fork"])[:2] == ["16.9", "34.4"]
    assert percent(probabilities["root"])[2] == "40.6"


def test_fork_policies_at_the_best_temperatures_to_the_printed_digits(paper: ToyResult) -> None:
    assert percent(paper.base.fork_policy) == ["48.2", "17.8", "17.0", "17.0"]
    assert percent(paper.student.fork_policy) == ["32.1", "22.9", "22.5", "22.5"]


def test_lead_over_top_p(paper: ToyResult) -> None:
    assert min(paper.gaps.values()) == paper.gaps[0.9]
    assert max(paper.gaps.values()) == paper.gaps[0.8]
    assert f"{100 * paper.gaps[0.9]:+.1f}" == "+1.4"
    assert f"{100 * paper.gaps[0.8]:+.1f}" == "+5.4"


def test_supremum_is_what_a_finer_grid_finds(paper: ToyResult) -> None:
    for curve, model in ((paper.base, ()), (paper.student, (Experiment().sampling,))):
        assert curve.best.success <= curve.supremum.success < 1.002 * curve.best.success
        beyond = (*model, Decoding(temperature=curve.supremum.temperature + 1e-9, top_p=0.8))
        assert success_probability(Machine(), beyond) < 0.9 * curve.supremum.success  # the jump


def test_simulation_through_the_decoding_code_agrees(paper: ToyResult) -> None:
    for curve, model in ((paper.base, ()), (paper.student, (Experiment().sampling,))):
        stages = (*model, Decoding(temperature=curve.best.temperature, top_p=0.8))
        runs = 400_000
        simulated = simulated_success(Machine(), stages, runs=runs, seed=3)
        p = curve.best.success
        assert abs(simulated - p) < 4 * math.sqrt(p * (1 - p) / runs)


def test_success_is_the_formula_on_an_undecoded_machine() -> None:
    machine = Machine(locks=2, forks=3, paths=1)
    assert success_probability(machine, (Decoding(temperature=1),)) == pytest.approx(0.2 * 0.148**3 * 0.75**2)
    assert policy(machine, (Decoding(temperature=1),)).sum(-1).tolist() == pytest.approx([1, 1, 1])


@given(st.integers(6, 40), st.floats(0.1, 1), st.floats(0.75, 0.95))
def test_safer_locks_never_hurt_and_rows_are_distributions(vocabulary: int, ratio: float, right: float) -> None:
    safer = Machine(vocabulary=vocabulary, tail_ratio=ratio, lock=(right, 0.02))
    base = Machine(vocabulary=vocabulary, tail_ratio=ratio, lock=(0.75, 0.02))
    assert torch.allclose(safer.logits.exp().sum(-1), torch.ones(3, dtype=torch.float64))
    tail = safer.logits[[ROOT, FORK, LOCK], -2:].exp()
    assert torch.allclose(tail[:, 1], ratio * tail[:, 0])
    plain = (Decoding(temperature=1),)
    assert success_probability(safer, plain) >= success_probability(base, plain)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lock": (0.9, 0.2)}, "sum to 1.1"),
        ({"vocabulary": 3}, "4 probabilities for 3 tokens"),
        ({"vocabulary": 4}, "whole vocabulary must sum to 1"),
        ({"paths": 16}, "leave none that fails"),
        ({"tail_ratio": 0}, "greater than 0"),
        ({"depth": 3}, "Extra inputs"),
    ],
)
def test_bad_machines_are_refused(options: dict, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Machine(**options)


def test_figures_are_small_deterministic_svg(paper: ToyResult, tmp_path) -> None:
    paths = write_figures(Experiment(), paper, tmp_path)
    first = [path.read_bytes() for path in paths]
    assert [path.read_bytes() for path in write_figures(Experiment(), paper, tmp_path)] == first
    for content in first:
        root = ET.fromstring(content)
        assert root.get("aria-label")
        assert len(content) < 60_000
        assert b"--student:#" in content.replace(b" ", b"")
        assert b"<script" not in content


@pytest.fixture
def command() -> typer.Typer:
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(toy)
    return app


def test_command_prints_json_and_writes_files(command: typer.Typer, tmp_path) -> None:
    result = CliRunner().invoke(command, ["--json", "--forks", "2", "--runs", "1000", "--out", str(tmp_path)])
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert document["experiment"]["machine"]["forks"] == 2
    assert document == json.loads((tmp_path / "toy.json").read_text())
    # A second fork: its right branch has 22.9 % of the paper's plateau at the best temperature.
    assert document["best"]["student"]["success"] == pytest.approx(0.13769 * 0.2286, rel=2e-3)
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".json", ".svg", ".svg", ".svg"]


def test_command_prints_the_papers_numbers(command: typer.Typer) -> None:
    result = CliRunner().invoke(command, ["--runs", "1000"], env={"COLUMNS": "140"})
    assert result.exit_code == 0, result.output
    for number in ("0.639", "8.32%", "2.091", "13.77%", "94.8%", "+5.4 at 0.8", "+1.4 at 0.9"):
        assert number in result.stdout


@pytest.mark.parametrize(
    ("arguments", "where"),
    [
        (["--lock", "0.9,x"], "--lock"),
        (["--lock", "0.9,2"], "--lock"),
        (["--t-train", "-1"], "--t-train"),
        (["--train-top-p", "0"], "--train-top-p"),
        (["--tail-ratio", "2"], "--tail-ratio"),
        (["--top-p", "1.5"], "--top-p"),
    ],
)
def test_command_refuses_bad_numbers_naming_the_option(command: typer.Typer, arguments: list, where: str) -> None:
    result = CliRunner().invoke(command, arguments)
    assert isinstance(result.exception, UserError)
    assert result.exception.where == where
