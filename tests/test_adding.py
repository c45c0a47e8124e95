"""What docs/adding.md promises: an engine, a benchmark's format, a figure, a training target or a study is one file and
one line in a table. Each test adds the line, with a dummy in tests/adding as the file, and uses it as a user does."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from selfdistill.cli.app import app
from selfdistill.cli.commands import PANELS
from selfdistill.cli.studies import STUDIES
from selfdistill.cli.table import Study
from selfdistill.engines.load import engine_for
from selfdistill.errors import UserError
from selfdistill.files import read_json, read_records
from selfdistill.grading import Submission, grade
from selfdistill.models.load import load_model
from selfdistill.problems import benchmarks
from selfdistill.recipe import load_recipe
from selfdistill.recipe.decoding import Decoding
from selfdistill.recipe.engine import ENGINES, EngineKind, EngineSettings
from selfdistill.recipe.model import ModelSettings
from selfdistill.recipe.training import TARGETS, TargetKind
from selfdistill.records import Outcome, Sample
from selfdistill.report import write_report
from selfdistill.report.figures import FIGURES, Figure
from selfdistill.run import start
from selfdistill.run.sampling import sample
from selfdistill.steps.training.train import build_data
from steps.training.material import make_material, train
from steps.training.plain_torch import Example
from tests.adding import hourglass, parrot, smoothed, sums
from tests.conftest import REPOSITORY
from tests.report.simulated_run import Simulation, write_run


def test_an_engine(monkeypatch, tmp_path):
    with pytest.raises(UserError, match="must be 'auto', 'transformers', 'vllm' or 'openai'"):
        load_recipe("demo", ["engine.kind=parrot"])
    monkeypatch.setitem(ENGINES, "parrot", EngineKind("tests.adding.parrot"))
    recipe = load_recipe("demo", ["engine.kind=parrot", "training.targets=hard", "prompts.limit=3"])
    directory = start.begin(recipe, tmp_path / "run")
    sample(recipe, directory)
    assert [sample.text for sample in read_records(directory.samples, Sample)] == [parrot.SAID] * 3
    assert read_json(directory.manifest)["stages"]["sample"]["engine"] == "parrot"
    two_stages = (Decoding(temperature=0.7), Decoding(temperature=1))
    assert engine_for(EngineSettings(kind="parrot"), two_stages).kind == "transformers"


def test_a_benchmarks_format(monkeypatch, tmp_path):
    file = tmp_path / "sums.jsonl"
    file.write_text(json.dumps({"ask": "Print 1 + 2.", "answer": "3"}) + "\n")
    with pytest.raises(UserError, match="unknown format, with fields answer, ask"):
        benchmarks.load_benchmark(str(file))
    monkeypatch.setattr(benchmarks, "FORMATS", (*benchmarks.FORMATS, sums))
    (problem,) = benchmarks.load_benchmark(str(file))
    programs = ("print(1 + 2)", "print(12)")
    verdicts = grade([Submission(str(number), program, problem.tests) for number, program in enumerate(programs)])
    assert {verdict.key: verdict.outcome for verdict in verdicts} == {"0": Outcome.PASSED, "1": Outcome.WRONG_ANSWER}
    assert "sums" in benchmarks.names()


def test_a_figure(monkeypatch, tmp_path):
    root = write_run(tmp_path / "run", Simulation(problems=12))
    assert "Further figures" not in write_report(root).read_text()
    monkeypatch.setitem(FIGURES, "hourglass", Figure(hourglass.hourglass, "Problems, in an hourglass"))
    page = write_report(root).read_text()
    section = page.partition('<section id="further">')[2].partition("</section>")[0]
    assert "<figcaption>Problems, in an hourglass</figcaption>" in section
    assert "<title>12</title>" in section


def test_a_training_target(monkeypatch, tmp_path):
    material = make_material(tmp_path)
    monkeypatch.setitem(TARGETS, "smoothed", TargetKind("tests.adding.smoothed"))
    lines = ["targets=smoothed", "epochs=1", "batch_size=12", "micro_batch_size=4", "max_length=64", "warmup_steps=0"]
    model = f"model.path={tmp_path / 'model'}"
    recipe = load_recipe("demo", [model, *(f"training.{line}" for line in lines)])
    dataset, target, counts = build_data(
        recipe.training, material.prompts, material.samples, tmp_path / "targets", whole_answers=False, seed=recipe.seed
    )
    log = tmp_path / "out" / "log.jsonl"
    train(recipe, dataset, target, tmp_path / "out" / "student", log=log)
    (step,) = (json.loads(line) for line in log.read_text().splitlines())
    assert step["loss"] == pytest.approx(smoothed_loss(tmp_path / "model", material.examples["hard"]), rel=1e-4)
    assert counts.targets == "smoothed"
    with pytest.raises(UserError, match="a text's tokens are never targets"):
        load_recipe("embedded-texts", ["training.targets=smoothed"])


@torch.no_grad()
def smoothed_loss(model: Path, examples: list[Example]) -> float:
    """A token, by a plain forward pass of the base."""
    base = load_model(ModelSettings(path=str(model), device="cpu"))
    losses: list[torch.Tensor] = []
    for example in examples:
        logits = base(torch.tensor([[*example.prompt, *example.completion]])).logits[0, len(example.prompt) - 1 : -1]
        logprobs = logits.log_softmax(-1)
        drawn = logprobs.gather(1, torch.tensor(example.completion)[:, None])[:, 0]
        losses += -(smoothed.SHARES[0] * drawn + smoothed.SHARES[1] * logprobs[:, smoothed.OTHER])
    return torch.stack(losses).mean().item()


def test_a_study(monkeypatch, tmp_path):
    line = Study(
        "prompt-lengths",
        "tests.adding.prompt_lengths",
        "How long the prompts are.",
        "demo",
        {"of_words": (None, "Only prompts with these.")},
        seeds=2,
    )
    monkeypatch.setitem(PANELS, "Studies: several runs side by side", (*STUDIES, line))
    listed = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200"})
    assert "How long the prompts are. The same command resumes." in listed.output
    asked = ["prompt-lengths", "demo", "--out", str(tmp_path), "--set", "prompts.limit=3", "--of-words", "def"]
    done = CliRunner().invoke(app, asked)
    assert done.exit_code == 0, done.output
    rows = read_json(tmp_path / "prompt-lengths.json")["rows"]
    assert [(row["seed"], row["prompts"]) for row in rows] == [(0, 3), (1, 3)]
    assert rows[0]["characters"] != rows[1]["characters"]
    assert "Prompts differ by seed" in (tmp_path / "prompt-lengths.html").read_text()
    assert f"| 0 | 3 | {rows[0]['characters']} |" in done.output
    assert "--of-words" in str(CliRunner().invoke(app, [*asked[:-2]]).exception)


def test_the_page_names_files_and_tables_that_are_there():
    page = (REPOSITORY / "docs" / "adding.md").read_text()
    source = REPOSITORY / "src" / "selfdistill"
    named = re.findall(r"`(\w+/[\w/]+\.py)`", page.replace("NAME.py", "__init__.py"))
    assert len(named) > 10
    assert [path for path in named if not any((root / path).is_file() for root in (source, REPOSITORY))] == []
    tables = re.findall(r"`([A-Z]+)` in `([\w/]+\.py)`", page)
    assert len(tables) == 5
    for name, path in tables:
        assert re.search(rf"^{name}\b.* = [({{]", (source / path).read_text(), re.MULTILINE), (name, path)
