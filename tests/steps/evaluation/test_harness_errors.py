"""A harness error is neither right nor wrong, wherever verdicts are counted."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

import numpy as np
import pytest

from report.simulated_run import Simulation, systems, write_run
from selfdistill.cli import grade as grade_command
from selfdistill.directory import RunDirectory
from selfdistill.files import append_records, read_records
from selfdistill.measure.evaluated import read_evaluation
from selfdistill.measure.regressions.problems import _shares
from selfdistill.measure.scores import read_scores, score_tables
from selfdistill.recipe import load_recipe
from selfdistill.recipe.decoding import Decoding
from selfdistill.records import AssertTests, Outcome, Problem, Prompt, Sample, Verdict
from selfdistill.report.examples import examples
from selfdistill.run import explained as run_input
from selfdistill.steps.training.filter import select_samples
from selfdistill.steps.training.keep import judge_samples
from selfdistill.studies import preview
from selfdistill.studies.decoding_baselines.choose import choose
from selfdistill.studies.scores import best_scores, over_seeds

OUTCOMES = {
    "some": (Outcome.PASSED, Outcome.HARNESS_ERROR, Outcome.WRONG_ANSWER, Outcome.PASSED),
    "none": (Outcome.HARNESS_ERROR,) * 4,
    "all": (Outcome.TIMEOUT, Outcome.PASSED, Outcome.EXCEPTION, Outcome.WRONG_ANSWER),
}
"""Of the programs of three problems; of the judged ones 2 of 3, 0 of 0 and 1 of 4 passed."""
PROBLEMS = [Problem(name, "", AssertTests("")) for name in OUTCOMES]


def write_verdicts(path: Path) -> Path:
    append_records(path, [Verdict(f"{name}/{n}", o) for name, each in OUTCOMES.items() for n, o in enumerate(each)])
    return path


def test_shares_of_other_tasks(tmp_path):
    scores = _shares(PROBLEMS, write_verdicts(tmp_path / "verdicts.jsonl"))
    assert [score.value for score in scores] == [2 / 3, None, 1 / 4]


def test_what_grade_prints(tmp_path, capsys):
    grade_command._print_result(PROBLEMS, write_verdicts(tmp_path / "verdicts.jsonl"))
    printed = capsys.readouterr().out
    assert "harness error: 5" in printed
    assert f"pass@1: {100 * (2 / 3 + 1 / 4) / 2:.1f} %" in printed
    assert "1 problems have no judged program" in printed


def test_samples_that_are_trained_on(tmp_path):
    prompts = [Prompt(name, "def f(x):", (1,), "def f(x):") for name in OUTCOMES]
    samples = [Sample(p.prompt_id, n, (1,), "stop", (), "\n    return 1") for p in prompts for n in range(4)]
    recipe = load_recipe("demo", ["training.keep=passing"])
    refused = judge_samples(
        recipe.training,
        recipe.evaluation.grading,
        recipe.prompts.source,
        prompts,
        samples,
        write_verdicts(tmp_path / "verdicts.jsonl"),
        chat=False,
    )
    selection = select_samples(samples, recipe.training, whole_answers=False, refused=refused)
    assert selection.kept == (0, 3, 9), "only what is known to pass"
    assert selection.dropped == {"could not be judged": 5, "fails its tests": 4}


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """In every system nothing is known of the first problem, and of the second's programs three were judged."""
    root = write_run(tmp_path_factory.mktemp("run"), Simulation(problems=12, samples=4, harness_errors=4))
    for path in (root / "evaluation").glob("*.verdicts.jsonl"):
        verdicts = list(read_records(path, Verdict))
        verdicts[4] = Verdict(verdicts[4].key, Outcome.HARNESS_ERROR)
        path.unlink()
        append_records(path, verdicts)
    return root


def passed(root: Path, name: str) -> np.ndarray:
    """(problems, programs) 1, 0, or NaN."""
    verdicts = read_records(root / "evaluation" / f"{name}.verdicts.jsonl", Verdict)
    known = {Outcome.PASSED: 1.0, Outcome.HARNESS_ERROR: math.nan}
    return np.array([known.get(verdict.outcome, 0.0) for verdict in verdicts]).reshape(12, 4)


def test_scores_and_programs_of_the_report(run):
    pair = [next(s for s in systems() if s.model == model and "default" in s.roles) for model in ("base", "student")]
    evaluation = read_evaluation(RunDirectory(run), systems=pair)
    tables = score_tables(evaluation, [1, 4]).tables
    for column, system in enumerate(pair):
        expected = np.nanmean(passed(run, system.name)[1:], axis=1)
        assert tables["pass@1"][1:, column] == pytest.approx(expected)
    assert np.isnan(tables["pass@1"][0]).all()
    assert np.isnan(tables["pass@4"][:2]).all()
    assert not np.isnan(tables["pass@4"][2:]).any()
    shown = examples(evaluation, *evaluation.evaluated, 0)["counts"]
    assert sum(shown.values()) == 10, "the first program of two problems has no verdict"


def test_programs_that_are_explained(run):
    directory = RunDirectory(run)
    found = {model: next(s for s in systems() if s.model == model) for model in ("base", "student")}
    graded = run_input._graded(directory, found)
    for model, system in found.items():
        own = [each for each in graded if each.model == model]
        assert len(own) == 12 * 4 - 5
        assert sum(each.passed for each in own) == np.nansum(passed(run, system.name))


def test_the_best_decoding_of_a_study(run):
    """Without its problems that have no score: with them no mean would be defined, and any decoding the best."""
    tables = {s: np.nanmean(passed(run, s.name)[1:], axis=1).mean() for s in systems() if s.model == "base"}
    each = read_scores(RunDirectory(run), [1])
    best, scores = best_scores([each, each], "base", "pass@1")
    assert tables[best] == max(tables.values())
    assert over_seeds(scores)["pass@1"]["value"] == pytest.approx(tables[best])


def test_what_rivals_are_tuned_on(run):
    """Of a grid's settings the one with the highest mean over problems that have a score."""
    grid = [(Decoding(temperature=temperature, top_k=20, top_p=0.8),) for temperature in (0.5, 0.9, 1.3)]
    for choice in choose(RunDirectory(run), {"plain": grid}, [1]):
        names = [f"{choice.model}-{stages[0].slug}" for stages in grid]
        means = [np.nanmean(passed(run, name)[1:], axis=1).mean() for name in names]
        assert choice.stages == grid[int(np.argmax(means))]
        assert choice.validation == pytest.approx(max(means))


def test_outcomes_of_a_previewed_program(run):
    system = systems()[0]
    found = preview._passed(RunDirectory(run), system)
    np.testing.assert_array_equal(found.reshape(12, 4), passed(run, system.name))


def test_a_system_without_any_verdict_is_never_the_best(run, tmp_path):
    root = shutil.copytree(run, tmp_path / "run")
    first = systems()[0]
    path = root / "evaluation" / f"{first.name}.verdicts.jsonl"
    verdicts = [Verdict(verdict.key, Outcome.HARNESS_ERROR) for verdict in read_records(path, Verdict)]
    path.unlink()
    append_records(path, verdicts)
    best, _ = best_scores([read_scores(RunDirectory(root), [1])], "base", "pass@1")
    assert best != first
