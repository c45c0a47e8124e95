"""Overlap and other tasks in whole runs, as a user starts them; the recipe of structured text."""

from __future__ import annotations

import json

import pytest

from run.small import command, run, run_command
from selfdistill import embedded
from selfdistill.files import read_json


@pytest.mark.slow
def test_the_method_runs_on_structured_text_and_a_command_adds_a_task(tmp_path):
    out = tmp_path / "out"
    arguments = run_command(out, "checks.regressions.tasks=[embedded-strings]", recipe="embedded-json")
    done = run(arguments)
    assert done.returncode == 0, done.stderr
    summary = read_json(out / "summary.json")
    assert summary["examples"]["counts"].keys()
    assert {row["name"] for row in summary["regressions"]["tasks"]} == {"embedded-strings"}
    assert summary["contamination"]["parts"][0]["compared"] == 96
    assert [part["against"] for part in summary["contamination"]["parts"]] == ["statements", "statements", "solutions"]
    outcomes = {kind for system in summary["systems"] for kind in system["outcomes"]}
    assert outcomes <= {"passed", "wrong answer", "syntax error"}

    done = run(command("regressions", str(out), "embedded-text"))
    assert done.returncode == 0, done.stderr
    assert "Held-out text" in done.stdout
    summary = read_json(out / "summary.json")
    assert {row["name"] for row in summary["regressions"]["tasks"]} == {"embedded-strings", "embedded-text"}
    assert "Held-out text" in (out / "report.html").read_text()


@pytest.mark.slow
def test_prompts_that_overlap_are_dropped_and_counted_and_the_limit_is_still_met(tmp_path):
    path = tmp_path / "prompts.jsonl"
    copies = [problem.statement for problem in embedded.problems("test")[:30]]
    others = [statement for _, statement in embedded.prompts(60)]
    path.write_text("".join(json.dumps({"question": text}) + "\n" for text in [*copies, *others]))
    sets = ["evaluation.limit=null", f"prompts.source={path}", "prompts.limit=40", "checks.contamination.drop=exact"]
    options = [part for each in sets for part in ("--set", each)]
    done = run(command("sample", str(tmp_path / "out"), "--recipe", "demo", *options))
    assert done.returncode == 0, done.stderr
    counts = read_json(tmp_path / "out" / "prompts.json")
    assert counts["kept"] == 40
    assert 1 <= counts["dropped"]["contamination"] <= 30
    assert sum(counts["dropped"].values()) + counts["kept"] == counts["loaded"] == 90
    done = run(command("contamination", str(tmp_path / "out")))
    assert done.returncode == 0, done.stderr
    found = read_json(tmp_path / "out" / "contamination.json")["parts"][0]
    assert found["counts"]["exact"] == {"texts": 0, "problems": 0}
