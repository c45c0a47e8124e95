"""The report's sections on overlap and on other tasks, against scores and matches whose truth is known."""

from __future__ import annotations

import math
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from simulated_run import Simulation, write_run
from test_report_page import Document, forms, leaves, numbers

from selfdistill import files
from selfdistill.directory import RunDirectory
from selfdistill.errors import UserError
from selfdistill.measure.contamination.check import compare
from selfdistill.measure.contamination.records import Reference
from selfdistill.measure.contamination.run import write_contamination
from selfdistill.measure.evaluated import read_evaluation
from selfdistill.measure.regressions.problems import write_scores
from selfdistill.measure.regressions.records import Measured, Score
from selfdistill.measure.regressions.registry import register
from selfdistill.recipe.contamination import ContaminationSettings
from selfdistill.report import build_summary
from selfdistill.report.html import render

GREEDY = ("greedy",)


def task(name: str, form: str = "problems", **changes: Any) -> Measured:
    settings = {
        "measure": "nats" if form == "text" else "share",
        "score": "nats per token" if form == "text" else "pass@1",
        "decodings": ("own",) if form == "text" else GREEDY,
        "labels": ("",) if form == "text" else GREEDY,
        "fingerprint": "f",
        "higher_is_better": form != "text",
    }
    return Measured(name=name, slug=name, title=f"title of {name}", form=form, **(settings | changes))  # type: ignore[arg-type]


def scores_path(run_dir: Path, slug: str, model: str, decoding: str) -> Path:
    return RunDirectory(run_dir).regression_files(slug, model, decoding).scores


def score(run_dir: Path, measured: Measured, model: str, values: list[float | None]) -> None:
    scores = [Score(f"item {n}", value) for n, value in enumerate(values)]
    write_scores(scores_path(run_dir, measured.slug, model, measured.decodings[0]), scores)


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that lost on one task, gained on another, kept a third, and reads text worse."""
    run_dir = write_run(tmp_path_factory.mktemp("checked"), Simulation(30))
    stream = np.random.default_rng(0)
    tasks = [task("lost"), task("gained"), task("kept"), task("prose", "text"), task("loss", "lm-eval")]
    tasks[4] = task("loss", "lm-eval", score="word_perplexity", higher_is_better=False)
    register(RunDirectory(run_dir), tasks)
    base = stream.random(200) < 0.6
    for each, student in (
        (tasks[0], base & (stream.random(200) < 0.7)),
        (tasks[1], base | (stream.random(200) < 0.5)),
        (tasks[2], base),
        (tasks[4], base & (stream.random(200) < 0.7)),
    ):
        score(run_dir, each, "base", base.astype(float).tolist())
        score(run_dir, each, "student", student.astype(float).tolist())
    score(run_dir, tasks[3], "base", [0.5, 0.7, 0.6, 0.6, None])
    score(run_dir, tasks[3], "student", [0.53, 0.74, 0.63, 0.64, None])
    return run_dir


@pytest.fixture(scope="module")
def summary(checked: Path) -> dict[str, Any]:
    problems = list(files.read_records(checked / "evaluation" / "problems.jsonl", dict))
    references = [Reference(p["task_id"], f"{p['statement']} number {n}") for n, p in enumerate(problems)]
    texts = [("copy", references[4].text), ("spaced", references[7].text.replace(" ", "  ")), ("other", "nothing")]
    settings = ContaminationSettings(similarity=1.0, words=40)
    write_contamination(checked / "contamination.json", "embedded", settings, [compare(texts, references, settings)])
    return build_summary(checked)


def test_gains_and_losses_are_called_by_their_names(summary: dict[str, Any]) -> None:
    rows = {row["name"]: row for row in summary["regressions"]["tasks"]}
    assert {name: row["verdict"] for name, row in rows.items()} == {
        "lost": "worse",
        "gained": "better",
        "kept": "not distinguishable",
        "prose": "worse",
        "loss": "better",
    }
    assert rows["lost"]["gain"]["value"] == pytest.approx(
        rows["lost"]["student"]["value"] - rows["lost"]["base"]["value"], abs=2e-6
    )
    assert rows["loss"]["gain"]["value"] == pytest.approx(
        rows["loss"]["base"]["value"] - rows["loss"]["student"]["value"], abs=2e-6
    )
    assert summary["regressions"]["sentences"] == [
        "Of 5\u00a0comparisons on other tasks the student is measurably worse in 2: title of lost (greedy); title of "
        "prose.",
        "It is measurably better in 2: title of gained (greedy); title of loss (greedy).",
    ]


def test_a_gain_in_nats_is_the_bases_minus_the_students(summary: dict[str, Any]) -> None:
    prose = next(row for row in summary["regressions"]["tasks"] if row["name"] == "prose")
    assert prose["gain"]["value"] == pytest.approx(-0.035)
    assert prose["gain"]["problems"] == 4, "what could not be judged is left out"
    assert math.isclose(prose["base"]["value"], 0.6)


def test_the_task_trained_for_stands_beside_them(summary: dict[str, Any]) -> None:
    [row] = summary["regressions"]["trained"]
    assert (row["decoding"], row["score"]) == ("greedy", "pass@1")
    greedy = {system["model"]: system for system in summary["systems"] if system["name"].endswith("greedy")}
    for model in ("base", "student"):
        assert row[model]["value"] == greedy[model]["scores"]["pass@1"]["all"]["value"]


def test_models_measured_on_different_items_are_not_compared(checked: Path, tmp_path: Path) -> None:
    run_dir = Path(shutil.copytree(checked, tmp_path / "copy"))
    score(run_dir, task("kept"), "student", [1.0])
    with pytest.raises(UserError, match="measured on different items"):
        build_summary(run_dir)


def test_an_unfinished_task_is_not_reported(checked: Path, tmp_path: Path) -> None:
    run_dir = Path(shutil.copytree(checked, tmp_path / "copy"))
    scores_path(run_dir, "kept", "student", "greedy").unlink()
    assert "kept" not in [row["name"] for row in build_summary(run_dir)["regressions"]["tasks"]]


def test_overlap_is_counted_and_left_out(summary: dict[str, Any]) -> None:
    found = summary["contamination"]
    [part] = found["parts"]
    assert {kind: count["texts"] for kind, count in part["counts"].items()} == {
        "exact": 1,
        "normalised": 1,
        "near": 0,
        "ngram": 0,
    }
    assert [(each["removed"], each["problems"]) for each in found["without"]] == [(2, 28), (2, 28)]
    assert found["sentences"] == [
        "Of 3\u00a0prompts, compared with the problems’ statements: 2 the same up to white space, none nearly the same "
        "(similarity of at least 1), none otherwise with 40 or more words in a row in common."
    ]


def test_leaving_out_problems_gives_the_score_of_the_others(checked: Path, summary: dict[str, Any]) -> None:
    default = next(each for each in summary["comparisons"] if each["kind"] == "default")
    evaluated = {each.system.name: each for each in read_evaluation(RunDirectory(checked)).evaluated}
    scores = []
    for name in (default["base"], default["student"]):
        each = evaluated[name]
        kept = [n for n in range(30) if n not in (4, 7)]
        scores.append(np.mean(each.passed[kept] / each.judged[kept]))
    found = summary["contamination"]["without"][0]["scores"]["pass@1"]
    assert (found["base"], found["student"]) == pytest.approx(tuple(scores), abs=2e-6)
    assert found["difference"]["value"] == pytest.approx(scores[1] - scores[0], abs=2e-6)


def test_what_was_checked_is_not_among_the_unchecked(checked: Path, summary: dict[str, Any], tmp_path: Path) -> None:
    def told(summary: dict[str, Any]) -> tuple[bool, bool]:
        text = " ".join(summary["unchecked"])
        return "overlap with the benchmark" in text, "anything else got worse" in text

    assert told(summary) == (False, False)
    bare = Path(shutil.copytree(checked, tmp_path / "bare"))
    (bare / "contamination.json").unlink()
    shutil.rmtree(bare / "regressions")
    assert told(build_summary(bare)) == (True, True)


def test_the_page_shows_both_with_numbers_of_the_summary_alone(summary: dict[str, Any]) -> None:
    page = render(summary)
    for heading in ("What got worse?", "Contamination: overlap with the benchmark"):
        [section] = re.findall(rf"<section[^>]*>\s*<h2>{re.escape(heading)}</h2>.*?</section>", page, flags=re.DOTALL)
        allowed = {"95", "0"}
        for leaf in leaves(summary):
            allowed |= numbers(leaf) if isinstance(leaf, str) else forms(leaf)
        written = {number for text in Document(section).text for number in numbers(text)}
        assert written <= allowed
    assert page.count('aria-label="Difference in other tasks') == 1
    assert 'href="#regressions"' in page
    assert 'href="#contamination"' in page
