"""A recipe under several seeds: scores and differences against verdicts that are counted here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from report.simulated_run import Simulation, systems, write_run
from selfdistill.directory import RunDirectory
from selfdistill.errors import UserError
from selfdistill.files import read_json, read_records, write_json
from selfdistill.records import Outcome, Verdict
from selfdistill.studies.seeds import markdown, summarise_seeds
from tests.conftest import without_digests

SEEDS = (0, 1)


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> list[Path]:
    out = tmp_path_factory.mktemp("seeds")
    return [write_run(out / f"seed-{seed}", Simulation(24, seed=seed, student_gain=2.0)) for seed in SEEDS]


def passed(run: Path, system: str) -> np.ndarray:
    """(problems,) share of programs that passed."""
    verdicts = read_records(RunDirectory(run).system_verdicts(system), Verdict)
    return np.array([verdict.outcome is Outcome.PASSED for verdict in verdicts]).reshape(24, -1).mean(1)


def test_scores_by_seed_and_pooled_differences(runs):
    found = summarise_seeds(runs)
    assert (found["seeds"], found["problems"]) == ([0, 1], 24)
    for system in systems():
        expected = [passed(run, system.name).mean() for run in runs]
        assert found["systems"][system.title]["pass@1"] == pytest.approx(expected, abs=1e-6)
    first = found["comparisons"][0]
    assert first["title"] == "student at its default - base, default"
    gains = [passed(run, first["student"]) - passed(run, first["base"]) for run in runs]
    assert first["pass@1"]["mean"]["value"] == pytest.approx(np.mean(gains))
    assert [each["value"] for each in first["pass@1"]["per_seed"]] == pytest.approx([gain.mean() for gain in gains])
    equal = [row for row in found["comparisons"] if row["title"] == "student - base, both T 0.9, top-k 20, top-p 0.8"]
    assert [(row["student"], row["base"]) for row in equal] == [("student-T0.9-k20-p0.8", "base-T0.9-k20-p0.8")]
    text = markdown(found)
    assert "24 problems, seeds 0, 1" in text
    assert f"| {first['pass@1']['above_zero']} of 2 |" in text


def test_as_many_other_problems_are_refused(runs, tmp_path):
    """Before, only their number was compared, and whatever stood in the same row was paired."""
    other = RunDirectory(write_run(tmp_path / "run", Simulation(24, seed=1)))
    ids = [line["task_id"] for line in read_records(other.problems, dict)]
    for path in (other.root / "evaluation").glob("*.jsonl"):
        path.write_bytes(without_digests(path.read_bytes()).replace(f'"{ids[0]}'.encode(), b'"renamed'))
    with pytest.raises(UserError, match=rf"different problems than .*seed-0: 1 missing \({ids[0]}\), 1 more \(renamed"):
        summarise_seeds([runs[0], other.root])


def test_other_systems_are_refused(runs, tmp_path):
    other = RunDirectory(write_run(tmp_path / "run", Simulation(24, seed=1)))
    write_json(other.systems, read_json(other.systems)[:-1])
    with pytest.raises(UserError, match="compares other systems than the first run"):
        summarise_seeds([runs[0], other.root])
