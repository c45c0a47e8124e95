"""summary.json against a simulation's known truth, and what it does with missing, broken and reordered files."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from simulated_run import Simulation, systems, write_run

from selfdistill import files
from selfdistill.errors import UserError
from selfdistill.report import build_summary, write_report
from selfdistill.report.html import render
from tests.conftest import without_digests


@pytest.fixture
def copied(run_dir: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(run_dir, tmp_path / "copy"))


def test_scores_are_near_the_truth(simulation: Simulation, summary: dict[str, Any]) -> None:
    """Given the problems, pass@1 has a known standard error; five of them is beyond chance for 18 systems."""
    for system, found in zip(systems(), summary["systems"], strict=True):
        chances = simulation.chances(system)
        draws = 1 if system.stages[-1].greedy else simulation.samples
        error = math.sqrt(np.sum(chances * (1 - chances)) / draws) / simulation.problems
        assert found["scores"]["pass@1"]["all"]["value"] == pytest.approx(simulation.truth(system, 1), abs=5 * error)
        score = found["scores"]["pass@5"]["all"]
        assert score["low"] - 0.05 <= simulation.truth(system, 5) <= score["high"] + 0.05


def test_pass_at_1_is_the_share_of_passed_programs(summary: dict[str, Any]) -> None:
    for system in summary["systems"]:
        share = system["outcomes"]["passed"] / sum(system["outcomes"].values())
        assert system["scores"]["pass@1"]["all"]["value"] == pytest.approx(share, abs=1e-6)


def test_groups_make_up_the_whole(summary: dict[str, Any]) -> None:
    assert summary["groups"] == {"all": 60, "easy": 20, "medium": 20, "hard": 20}
    for system in summary["systems"]:
        parts = [system["scores"]["pass@5"][group]["value"] for group in ("easy", "medium", "hard")]
        assert system["scores"]["pass@5"]["all"]["value"] == pytest.approx(np.mean(parts), abs=2e-6)


def test_differences_are_student_minus_base(summary: dict[str, Any]) -> None:
    by_name = {system["name"]: system["scores"] for system in summary["systems"]}
    for each in summary["comparisons"]:
        for measure, groups in each["scores"].items():
            for group, score in groups.items():
                student, base = (by_name[each[side]][measure][group]["value"] for side in ("student", "base"))
                assert (score["student"], score["base"]) == (student, base)
                assert score["difference"]["value"] == pytest.approx(student - base, abs=2e-6)


def test_every_baseline_is_compared(summary: dict[str, Any]) -> None:
    kinds = {each["kind"] for each in summary["comparisons"]}
    assert kinds == {
        "default",
        "best",
        "best against best",
        "preview",
        "sampling",
        "equal decoding",
        "equal decoding, preview",
    }


def test_the_best_base_point_is_the_best_and_says_it_is_hindsight(summary: dict[str, Any]) -> None:
    for measure in summary["measures"]:
        scores = [s["scores"][measure]["all"]["value"] for s in summary["systems"] if s["model"] == "base"]
        [best] = [c for c in summary["comparisons"] if c["kind"] == "best" and c["picked_by"] == measure]
        assert best["scores"][measure]["all"]["base"] == max(scores)
        assert "hindsight that favours the base" in best["chosen"]


def test_equal_decodings_are_equal(summary: dict[str, Any]) -> None:
    stages = {system["name"]: system["stages"] for system in summary["systems"]}
    plain = [c for c in summary["comparisons"] if c["kind"] == "equal decoding"]
    assert len(plain) == 6
    assert all(stages[c["student"]] == stages[c["base"]] for c in plain)


@pytest.mark.parametrize(
    ("gain", "penalty", "verdict", "headline"),
    [
        (1.5, 0.3, "better", "raised pass@1"),
        (-1.5, 0.3, "worse", "lowered pass@1"),
        (0.0, 0.0, "not distinguishable", "No measurable change in pass@1"),
    ],
)
def test_the_verdict_follows_the_truth(
    tmp_path: Path, gain: float, penalty: float, verdict: str, headline: str
) -> None:
    answer = build_summary(write_run(tmp_path, Simulation(60, student_gain=gain, hot_penalty=penalty)))["answer"]
    assert answer["verdict"] == verdict
    assert headline in answer["headline"][0]


def test_a_gain_that_decoding_gives_too_is_said_in_plain_words(tmp_path: Path) -> None:
    """A base that loses much with temperature, and a student whose gain only makes up for that."""
    simulation = Simulation(90, student_gain=0.15, hot_penalty=1.5)
    answer = build_summary(write_run(tmp_path, simulation))["answer"]
    assert answer["verdict"] == "better"
    assert "does not measurably beat" in answer["headline"][1] or "Decoding the base better" in answer["headline"][1]


def test_harness_errors_are_neither_right_nor_wrong(tmp_path: Path, summary: dict[str, Any]) -> None:
    found = build_summary(write_run(tmp_path, Simulation(60, harness_errors=6)))
    for system in found["systems"]:
        assert system["outcomes"]["harness error"] == 6
        assert system["scores"]["pass@1"]["all"]["problems"] == 60
        assert system["scores"]["pass@5"]["all"]["problems"] == 59, "four judged programs give no pass@5"
    assert any("could not be judged" in note for note in found["unchecked"])
    assert not any("could not be judged" in note for note in summary["unchecked"])


@pytest.mark.parametrize(("gain", "rate"), [(-90.0, 0.0), (90.0, 1.0)])
def test_nothing_can_be_told_where_nothing_passes_or_everything(tmp_path: Path, gain: float, rate: float) -> None:
    """0 of 20, base and student, is no certainty of 0; nor is 20 of 20 of 1."""
    found = build_summary(write_run(tmp_path, Simulation(10, 2, student_gain=gain, hot_penalty=-gain)))
    reach = 1 - 0.025 ** (1 / 10)
    for system in found["systems"]:
        if system["stages"][-1]["temperature"]:  # the simulation's hot penalty does not touch greedy
            score = system["scores"]["pass@1"]["all"]
            assert score["value"] == rate
            assert score["high"] - score["low"] == pytest.approx(reach, abs=1e-5)
    default = found["comparisons"][0]["scores"]["pass@1"]["all"]["difference"]
    assert (default["low"], default["high"]) == pytest.approx((-reach, reach), abs=1e-5)
    verdict, headline = found["answer"]["verdict"], found["answer"]["headline"]
    assert verdict == "not distinguishable"
    assert headline[0].startswith("Nothing can be told about pass@1 from 10\u00a0problems")
    assert not any("best decoding" in text for text in headline)
    assert "<strong>" not in render(found)


def test_the_summary_repeats_and_does_not_depend_on_the_order_of_verdicts(
    copied: Path, summary: dict[str, Any]
) -> None:
    assert build_summary(copied) == summary
    for path in (copied / "evaluation").glob("*.verdicts.jsonl"):
        lines = without_digests(path.read_bytes()).splitlines(keepends=True)
        path.write_bytes(b"".join(reversed(lines)))
    assert build_summary(copied) == summary


def test_only_cost_and_provenance_know_the_time(copied: Path, summary: dict[str, Any]) -> None:
    manifest = files.read_json(copied / "manifest.json")
    manifest["created"] = "2031-01-01T00:00:00+00:00"
    manifest["stages"]["sample"]["seconds"] = 1e6
    files.write_json(copied / "manifest.json", manifest)
    log = [line | {"seconds": 5.0} for line in files.read_records(copied / "training-log.jsonl", dict)]
    (copied / "training-log.jsonl").write_bytes(b"".join(map(files.record_line, [*log[:9], *log])))  # resumed at step 9
    changed = build_summary(copied)
    assert {key for key in summary if summary[key] != changed[key]} == {"cost", "provenance"}


def test_written_files_hold_the_summary_and_nothing_half_written(
    copied: Path, summary: dict[str, Any], page: str
) -> None:
    path = write_report(copied)
    written = json.loads((copied / "summary.json").read_text(), parse_constant=lambda name: pytest.fail(name))
    assert written == summary
    assert path.read_text() == page
    assert not list(copied.glob(".*"))


def test_an_unfinished_evaluation_is_refused(copied: Path) -> None:
    [path, *_] = sorted((copied / "evaluation").glob("student*.verdicts.jsonl"))
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    with pytest.raises(UserError, match=r"not finished.*selfdistill evaluate"):
        write_report(copied)
    assert not (copied / "report.html").exists()


def test_no_evaluation_is_refused(copied: Path) -> None:
    shutil.rmtree(copied / "evaluation")
    with pytest.raises(UserError, match="no evaluation"):
        build_summary(copied)


def test_what_is_absent_is_left_out_and_the_page_still_stands(copied: Path) -> None:
    for name in ("prompts.json", "training-data.json", "samples.jsonl", "training-log.jsonl"):
        (copied / name).unlink()
    found = build_summary(copied)
    assert found["data"] == {"prompts": None, "samples": None, "training": None}
    page = render(found)
    assert "Training loss" not in page
    assert "Scores, by system" in page


def test_a_base_alone_is_reported_without_comparisons(copied: Path) -> None:
    path = copied / "evaluation" / "systems.json"
    files.write_json(path, [system for system in files.read_json(path) if system["model"] == "base"])
    found = build_summary(copied)
    assert found["answer"]["verdict"] is None
    assert found["comparisons"] == []
    assert "No student was evaluated" in render(found)


@pytest.mark.parametrize("temperatures", [(), (0.0,), (0.0, 0.7)])
def test_few_temperatures_or_none_are_enough(copied: Path, temperatures: tuple[float, ...]) -> None:
    path = copied / "evaluation" / "systems.json"
    kept = [
        system
        for system in files.read_json(path)
        if {"default", "sampling"} & set(system["roles"]) or system["stages"][-1]["temperature"] in temperatures
    ]
    files.write_json(path, kept)
    page = render(build_summary(copied))
    assert ('id="temperature"' in page) == bool(temperatures), "the default decodings alone are no curve"
    assert "Scores, by system" in page


def test_problems_without_difficulty_are_one_group(copied: Path) -> None:
    path = copied / "evaluation" / "problems.jsonl"
    lines = [line | {"difficulty": None} for line in files.read_records(path, dict)]
    path.write_bytes(b"".join(map(files.record_line, lines)))
    found = build_summary(copied)
    assert list(found["groups"]) == ["all"]
    assert not any("By difficulty" in text for text in found["answer"]["sentences"])


def test_the_explain_page_is_noticed(copied: Path, summary: dict[str, Any]) -> None:
    (copied / "explain.html").write_text("<p>")
    assert build_summary(copied)["links"] == {"explain": "explain.html"}
    assert summary["links"] == {"explain": None}


def test_examples_are_what_their_category_says(summary: dict[str, Any]) -> None:
    passed = {"newly right": (False, True), "newly wrong": (True, False), "both right": (True, True)}
    passed["both wrong"] = (False, False)
    shown = summary["examples"]["shown"]
    assert {example["category"] for example in shown} == set(passed)
    for example in shown:
        assert (
            tuple(example[model]["outcome"] == "passed" for model in ("base", "student")) == passed[example["category"]]
        )
    assert sum(summary["examples"]["counts"].values()) == 60
