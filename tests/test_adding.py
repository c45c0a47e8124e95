"""What docs/adding.md promises: an engine, a benchmark's format, a figure, a training target or a study is one file and
one line in a table. Each test adds the line, with a dummy in tests/adding as the file, and uses it as a user does."""

from __future__ import annotations

import json

import pytest

from selfdistill.engines.load import engine_for
from selfdistill.errors import UserError
from selfdistill.files import read_json, read_records
from selfdistill.grading import Submission, grade
from selfdistill.problems import benchmarks
from selfdistill.recipe import load_recipe
from selfdistill.recipe.decoding import Decoding
from selfdistill.recipe.engine import ENGINES, EngineKind, EngineSettings
from selfdistill.records import Outcome, Sample
from selfdistill.report import write_report
from selfdistill.report.figures import FIGURES, Figure
from selfdistill.run import stages
from tests.adding import hourglass, parrot, sums
from tests.report.simulated_run import Simulation, write_run


def test_an_engine(monkeypatch, tmp_path):
    with pytest.raises(UserError, match="must be 'auto', 'transformers', 'vllm' or 'openai'"):
        load_recipe("demo", ["engine.kind=parrot"])
    monkeypatch.setitem(ENGINES, "parrot", EngineKind("tests.adding.parrot"))
    recipe = load_recipe("demo", ["engine.kind=parrot", "training.targets=hard", "prompts.limit=3"])
    directory = stages.begin(recipe, tmp_path / "run")
    stages.sample(recipe, directory)
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
