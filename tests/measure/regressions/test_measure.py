"""Measuring with real models, engine and grader: a student that is the base neither gains nor loses; work resumes."""

from __future__ import annotations

from pathlib import Path

import pytest

from selfdistill import embedded
from selfdistill.directory import RunDirectory
from selfdistill.errors import UserError
from selfdistill.files import read_records
from selfdistill.measure.regressions.loading import load_task
from selfdistill.measure.regressions.measure import measure, work
from selfdistill.measure.regressions.records import Score
from selfdistill.measure.regressions.registry import read_measured
from selfdistill.problems.render import load_renderer
from selfdistill.recipe import load_recipe
from selfdistill.report.regressions import regressions
from selfdistill.run.checks import how_to_measure

TASKS = ("embedded-strings", "embedded-json", "embedded-text")
SMALL = [
    f"checks.regressions.tasks=[{', '.join(TASKS)}]",
    "checks.regressions.limit=5",
    "checks.regressions.samples_per_problem=2",
    "evaluation.max_new_tokens=48",
    "evaluation.grading.isolation=process",
    "engine.shard_size=4",
]


def run(root: Path, *overrides: str) -> list[int]:
    """Measure the base against itself; gives (items done, items announced)."""
    recipe = load_recipe("demo", [*SMALL, *overrides])
    renderer, context = load_renderer(recipe.model, recipe.prompts)
    loaded = [
        load_task(recipe.checks.regressions, "validation", name, renderer, context)
        for name in recipe.checks.regressions.tasks
    ]
    done: list[int] = []
    if not (root / "student").exists():
        (root / "student").symlink_to(embedded.model_dir())
    measure(how_to_measure(recipe), RunDirectory(root), loaded, renderer, context, lambda items, *_: done.append(items))
    return [sum(done), work(how_to_measure(recipe), loaded)]


def everything(root: Path) -> dict[str, list]:
    scores = {str(path.relative_to(root)): list(read_records(path, Score)) for path in root.rglob("*.scores.jsonl")}
    samples = {str(path.relative_to(root)): path.read_text() for path in root.rglob("*.samples.jsonl")}
    return scores | samples


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("run")
    done, announced = run(root)
    assert done == announced == 2 * (5 * 2 * 2 + 5 * 2 * 2 + 5)
    return root


@pytest.mark.slow
def test_the_base_against_itself_neither_gains_nor_loses(measured):
    found = regressions(RunDirectory(measured), [], ["pass@1"], 0)
    assert [row["name"] for row in found["tasks"]] == [TASKS[0], TASKS[0], TASKS[1], TASKS[1], TASKS[2]]
    for row in found["tasks"]:
        assert (row["gain"]["value"], row["gain"]["problems"]) == (0, 5)
        assert not row["gain"]["low"] > 0  # five problems show nothing, and five equal texts not even an interval
        assert not row["gain"]["high"] < 0
        assert row["verdict"] == "not distinguishable"
        assert row["base"] == row["student"]
    assert [row["decoding"] for row in found["tasks"]][1::3] == ["T 1, top-k 20, top-p 0.8", ""]
    assert found["tasks"][-1]["score"] == "nats per token"


@pytest.mark.slow
def test_it_goes_on_from_what_a_crash_left(measured, tmp_path):
    expected = everything(measured)
    run(tmp_path)
    folder = tmp_path / "regressions" / "embedded-strings"
    for name in ("student-greedy.scores.jsonl", "student-greedy.verdicts.jsonl", "base-greedy.scores.jsonl"):
        (folder / name).unlink()
    samples = folder / "student-greedy.samples.jsonl"
    samples.write_bytes(samples.read_bytes()[:-300])  # a torn line
    (tmp_path / "regressions" / "embedded-text" / "student-own.scores.jsonl").unlink()
    untouched = folder / "base-T1-k20-p0.8.samples.jsonl"
    before = untouched.stat().st_mtime_ns
    done, announced = run(tmp_path)
    assert everything(tmp_path) == expected
    assert done == announced
    assert untouched.stat().st_mtime_ns == before


@pytest.mark.slow
def test_a_task_that_has_changed_is_refused_by_name(measured):
    before = everything(measured)
    with pytest.raises(UserError, match="the task embedded-strings is not what it was"):
        run(measured, "checks.regressions.limit=6")
    with pytest.raises(UserError, match="the task embedded-strings is not what it was"):
        run(measured, "checks.regressions.decodings=[{temperature: 0.5}]")
    assert everything(measured) == before
    assert [task.name for task in read_measured(RunDirectory(measured))] == list(TASKS)
