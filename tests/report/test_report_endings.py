"""What the report says of answers that were cut off, and of the two rules of what is run of an answer."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from simulated_run import LIMIT, Simulation, write_run

from selfdistill import files
from selfdistill.records import Sample
from selfdistill.report import build_summary, terminal_table
from selfdistill.report.html import render


def cut(samples: float, base: float, student: float) -> dict[str, float]:
    return {"samples": samples, "base": base, "student": student}


def first_screen(page: str) -> str:
    return page.partition("</header>")[0]


@pytest.fixture(scope="module")
def truncating(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A student that ends less often than its base, after training on samples a third of which were cut off."""
    directory = write_run(tmp_path_factory.mktemp("cut"), Simulation(60, cut_off=cut(0.33, 0.04, 0.16)))
    return directory, build_summary(directory)


def test_shares_by_system_are_those_of_the_samples(truncating: tuple[Path, dict[str, Any]]) -> None:
    directory, summary = truncating
    for system in summary["systems"]:
        samples = list(files.read_records(directory / "evaluation" / f"{system['name']}.samples.jsonl", Sample))
        reasons = [sample.finish_reason for sample in samples]
        assert system["completions"]["truncated"] == reasons.count("length")
        assert system["completions"]["truncated_share"] == pytest.approx(
            reasons.count("length") / len(reasons), abs=1e-6
        )
        assert system["completions"]["truncated_by_context"] == 0
    share = summary["data"]["samples"]["truncated_share"]
    assert share == summary["data"]["samples"]["truncated"] / 200
    assert 0.25 < share < 0.45


def test_a_student_that_ends_less_often_is_said_on_the_first_screen(truncating: tuple[Path, dict[str, Any]]) -> None:
    _, summary = truncating
    ended = summary["endings"]["ended"]
    default = {each["model"]: each for each in summary["systems"] if "default" in each["roles"]}
    for model in ("base", "student"):
        assert ended[model] == pytest.approx(1 - default[model]["completions"]["truncated_share"], abs=1e-6)
    assert ended["difference"]["value"] == pytest.approx(ended["student"] - ended["base"], abs=2e-6)
    assert ended["less_often"]
    screen = first_screen(render(summary))
    assert "The student ends its answers less often than the base" in screen
    assert re.search(r"3\d\.\d\u00a0% of its training samples had been cut off, and show no end", screen)
    assert re.search(rf"training samples \(3\d\.\d\u00a0%\) at sampling.max_new_tokens = {LIMIT};", screen)
    assert f"of a system’s answers at evaluation.max_new_tokens = {LIMIT}." in screen


def test_the_terminal_says_it_too(truncating: tuple[Path, dict[str, Any]]) -> None:
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(terminal_table(truncating[1]))
    assert "The student ends its answers less often" in console.export_text()


def test_where_hardly_anything_is_cut_off_the_first_screen_says_nothing(summary: dict[str, Any], page: str) -> None:
    assert summary["endings"]["sentences"] == []
    assert "caution" not in first_screen(page).partition("</style>")[2]
    assert "Do answers end by themselves?" in page


def test_a_small_drop_is_no_claim(tmp_path: Path) -> None:
    """7 and 9 of 20: the shares are there, but not that the student ends less often."""
    found = build_summary(write_run(tmp_path, Simulation(10, 2, cut_off=cut(0.9, 0.35, 0.45))))
    assert not found["endings"]["ended"]["less_often"]
    [sentence] = found["endings"]["sentences"]
    assert sentence.startswith("Cut off before their end: 1")
    assert "of 200 training samples" in sentence


def test_one_in_twenty_is_the_limit(tmp_path: Path) -> None:
    found = build_summary(write_run(tmp_path, Simulation(20, 10, cut_off=cut(0.02, 0.03, 0.09))))
    [*_, sentence] = found["endings"]["sentences"]
    shares = [system["completions"]["truncated_share"] for system in found["systems"]]
    assert "training samples" not in sentence
    assert f"{100 * min(shares):.1f} to {100 * max(shares):.1f}" in sentence


def test_the_models_context_is_named_where_it_is_the_limit(tmp_path: Path) -> None:
    found = build_summary(write_run(tmp_path, Simulation(10, 4, cut_off=cut(0.5, 0.5, 0.5), cut_by_context=True)))
    [sentence] = found["endings"]["sentences"]
    assert sentence.count("at the end of the model’s context") == 2
    assert "max_new_tokens" not in sentence
    for system in found["systems"]:
        assert system["completions"]["truncated_by_context"] == system["completions"]["truncated"]


def test_nothing_that_ends_asks_for_the_end_of_turn_token(tmp_path: Path) -> None:
    found = build_summary(write_run(tmp_path, Simulation(6, 2, cut_off=cut(1, 1, 1))))
    sentences = " ".join(found["endings"]["sentences"])
    assert "None of the 200\u00a0training samples and no answer of the base ended by itself" in sentences
    assert "100.0\u00a0% of a system’s answers" in sentences


def test_wrong_programs_are_shown_where_both_are_wrong_and_say_that_they_were_cut_off(tmp_path: Path) -> None:
    simulation = Simulation(10, 2, student_gain=-90.0, hot_penalty=90.0, cut_off=cut(1, 1, 0))
    found = build_summary(write_run(tmp_path, simulation))
    assert found["examples"]["counts"]["both wrong"] == 10
    assert len(found["examples"]["shown"]) == 2
    for example in found["examples"]["shown"]:
        assert example["category"] == "both wrong"
        assert (example["base"]["cut_off"], example["student"]["cut_off"]) == (True, False)
    page = render(found)
    assert page.count(", cut off at the limit</p>") == 2
    assert page.count('<article class="example">') == 2


def test_both_counts_are_shown_where_the_rules_differ_by_more_than_a_point(tmp_path: Path) -> None:
    rates = {"base": 0.65, "student": 0.66}
    found = build_summary(write_run(tmp_path, Simulation(60, passed_whole=rates)))
    rules = found["rules"]
    assert (rules["rule"], rules["differ"]) == ("needed", True)
    for row, system in zip(rules["systems"], found["systems"], strict=True):
        assert row["programs"] == 600
        assert row["needed"] == system["outcomes"]["passed"]
        assert 0.5 * row["needed"] < row["whole"] < 0.8 * row["needed"]
    base = next(row for row, s in zip(rules["systems"], found["systems"], strict=True) if "default" in s["roles"])
    page = render(found)
    assert f"Under “needed”, this run’s rule, {base['needed']} of 600 of the base’s programs" in first_screen(page)
    assert f"under “whole” {base['whole']} of 600 of the base’s programs" in first_screen(page)
    assert f"<td>{base['needed']}</td><td>{base['whole']}</td>" in page


def test_rules_that_agree_are_not_mentioned(tmp_path: Path, summary: dict[str, Any]) -> None:
    found = build_summary(write_run(tmp_path, Simulation(60, passed_whole={"base": 0.995, "student": 1.0})))
    assert not found["rules"]["differ"]
    assert found["rules"]["sentences"] == []
    assert "What is run of an answer" not in render(found)
    assert summary["rules"] is None, "stdin programs have one way"
