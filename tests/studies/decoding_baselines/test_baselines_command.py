"""`selfdistill decoding-baselines` as a user runs it: on a small trained run, really decoded and graded."""

from __future__ import annotations

import re

import pytest
from pydantic import TypeAdapter

from run.small import SMALL, command, run
from selfdistill.directory import RunDirectory
from selfdistill.files import read_json, read_records
from selfdistill.recipe.decoding import Stages
from selfdistill.records import Sample, Verdict
from selfdistill.run.manifest import update_manifest

GRID = """
plain: [{temperature: 0}, {temperature: 1, top_p: 0.8}]
min-p: [{rule: min-p, min_p: 0.1}]
fork/lock temperature: [{rule: fork-lock, lock_temperature: 0, fork_temperature: 1}]
Python syntax: [[{rule: python-syntax}, {temperature: 1.5}]]
"""


@pytest.mark.slow
def test_the_command_tunes_tests_reports_and_resumes(tmp_path):
    root, grid = tmp_path / "run", tmp_path / "grid.yaml"
    grid.write_text(GRID)
    rival = "evaluation.baselines=[{rule: top-n-sigma, n: 1.0}]"
    sets = [part for override in (*SMALL, rival) for part in ("--set", override)]
    done = run(command("run", "demo", "--out", str(root), *sets))
    assert done.returncode == 0, done.stderr
    kinds = [comparison["kind"] for comparison in read_json(root / "summary.json")["comparisons"]]
    assert kinds.count("rival") == 1
    assert "Can a smarter decoder" not in (root / "report.html").read_text()

    arguments = command("decoding-baselines", str(root), "--grid", str(grid), "--tune-limit", "8")
    done = run(arguments)
    assert done.returncode == 0, done.stderr
    found = read_json(root / "decoding-baselines.json")
    check_rows(root, found)
    check_shared(root)
    page = (root / "report.html").read_text()
    assert "Can a smarter decoder do it without training?" in page
    assert len(re.findall(r"rivals-pass-\d", page)) > 0
    assert read_json(root / "summary.json")["decoding_baselines"]["rows"] == found["rows"]
    check_syntax(root)

    files = {path: path.stat().st_mtime_ns for path in root.glob("decoding-baselines/*/evaluation/*.samples.jsonl")}
    assert len(files) >= 10 + 8
    again = run(arguments)
    assert again.returncode == 0, again.stderr
    assert read_json(root / "decoding-baselines.json") == found
    assert {path: path.stat().st_mtime_ns for path in files} == files
    assert again.stdout == done.stdout

    manifest = read_json(root / "manifest.json")
    update_manifest(RunDirectory(root), "stages", {"train": manifest["stages"]["train"]})
    (root / "evaluation" / "base-greedy.verdicts.jsonl").unlink()
    unfinished = run(arguments)
    assert unfinished.returncode == 0, "a run whose own evaluation was never ended has no report to write"
    assert read_json(root / "decoding-baselines.json") == found


def check_rows(root, found) -> None:
    """Each row's score is the share of its verdicts that passed."""
    adapter = TypeAdapter(Stages)
    for row in found["rows"]:
        if row["measure"] != "pass@1":
            continue
        for model in ("base", "student"):
            slug = "-then-".join(stage.slug for stage in adapter.validate_python(row[model]["stages"]))
            path = root / "decoding-baselines" / "test" / "evaluation" / f"{model}-{slug}.verdicts.jsonl"
            verdicts = list(read_records(path, Verdict))
            assert len(verdicts) == 16 * 2
            assert row[model]["test"]["value"] == pytest.approx(sum(v.passed for v in verdicts) / 32, abs=1e-6)


def check_shared(root) -> None:
    """What the run had evaluated itself is taken over, not decoded again."""
    own = {system["name"] for system in read_json(root / "evaluation" / "systems.json")}
    stages = read_json(root / "decoding-baselines" / "test" / "manifest.json")["stages"]
    tested = {name.removeprefix("evaluate ") for name in stages if name.startswith("evaluate ")}
    assert {name for name in tested if stages[f"evaluate {name}"].get("shared")} == tested & own
    for name in tested & own:
        for kind in ("samples", "verdicts"):
            file = f"evaluation/{name}.{kind}.jsonl"
            assert (root / file).read_bytes() == (root / "decoding-baselines" / "test" / file).read_bytes()


def check_syntax(root) -> None:
    """No constrained completion that ended by itself is a syntax error, and the constraint did something."""
    folder = root / "decoding-baselines" / "validation" / "evaluation"
    samples = list(read_records(folder / "base-syntax-then-T1.5.samples.jsonl", Sample))
    verdicts = {v.key: v for v in read_records(folder / "base-syntax-then-T1.5.verdicts.jsonl", Verdict)}
    ended = [s for s in samples if s.finish_reason == "stop"]
    assert ended
    assert all(verdicts[f"{s.prompt_id}/{s.sample_index}"].outcome.value != "syntax error" for s in ended)


@pytest.mark.slow
def test_a_run_without_a_student_is_refused_in_one_line(tmp_path):
    out = tmp_path / "run"
    assert run(command("sample", str(out), "--recipe", "demo", "--set", "prompts.limit=4")).returncode == 0
    done = run(command("decoding-baselines", str(out)))
    assert done.returncode == 2
    assert done.stderr.strip() == f"error: {out}: has no student (run selfdistill train {out})"
