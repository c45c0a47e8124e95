"""Choice, differences, pooling and words, on evaluations whose counts are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from selfdistill.decoding.families import PLAIN, read_grid, without_syntax
from selfdistill.directory import RunDirectory
from selfdistill.errors import UserError
from selfdistill.files import write_json
from selfdistill.recipe import load_recipe
from selfdistill.steps.evaluation.systems import make_systems
from selfdistill.studies.decoding_baselines.choose import choose
from selfdistill.studies.decoding_baselines.compare import MODELS, _chosen, _systems, _validation
from selfdistill.studies.decoding_baselines.pool import pool
from selfdistill.studies.decoding_baselines.result import result
from selfdistill.studies.decoding_baselines.words import answers, markdown
from studies.decoding_baselines.written import write_evaluation
from tests.conftest import without_digests

GRID_TEXT = """
plain: [{temperature: 0}, {temperature: 1}]
min-p: [{rule: min-p, min_p: 0.1}, {rule: min-p, min_p: 0.3}]
"""
VALIDATION = {
    "base-greedy": [5, 0, 0, 0], "base-T1": [1, 1, 1, 1], "base-T1-minp0.1": [2, 1, 1, 0],
    "base-T1-minp0.3": [2, 2, 1, 0],
    "student-greedy": [5, 5, 0, 0], "student-T1": [1, 1, 1, 1], "student-T1-minp0.1": [3, 3, 3, 3],
    "student-T1-minp0.3": [0, 0, 0, 0],
}  # fmt: skip
TEST = {
    "base-greedy": [5, 0, 0], "base-T1": [2, 1, 0], "base-T1-minp0.1": [0, 0, 0], "base-T1-minp0.3": [3, 0, 1],
    "student-greedy": [5, 5, 5], "student-T1": [4, 3, 5], "student-T1-minp0.1": [5, 5, 1],
    "student-T1-minp0.3": [0, 0, 0],
}  # fmt: skip
TEST = {name: 8 * counts for name, counts in TEST.items()}  # three problems would show nothing


@pytest.fixture
def grid(tmp_path):
    path = tmp_path / "grid.yaml"
    path.write_text(GRID_TEXT)
    return read_grid(path)


def compared(root: Path, grid, seed: int = 0, test=TEST) -> dict:
    """A run whose rivals were compared."""
    places = {name: RunDirectory(root / "decoding-baselines" / name) for name in ("validation", "test")}
    write_evaluation(places["validation"].root, _systems(grid), VALIDATION, "v")
    choices = choose(places["validation"], grid, (1, 5))
    write_evaluation(places["test"].root, _chosen(choices), test, "t")
    found = result(*places.values(), choices, load_recipe("demo", [f"seed={seed}"]))
    write_json(root / "decoding-baselines.json", found)
    return found


def test_each_family_model_and_measure_is_chosen_by_validation_alone(tmp_path, grid):
    rows = compared(tmp_path / "run", grid)["rows"]
    chosen = {(r["measure"], r["family"], m): r[m]["decoding"] for r in rows for m in MODELS}
    assert chosen == {
        ("pass@1", "plain", "base"): "greedy",  # 5 of 20 against 4 of 20
        ("pass@1", "plain", "student"): "greedy",
        ("pass@1", "min-p", "base"): "T 1, min-p 0.3",
        ("pass@1", "min-p", "student"): "T 1, min-p 0.1",
        ("pass@5", "plain", "base"): "T 1",  # all four problems against one
        ("pass@5", "plain", "student"): "T 1",
        ("pass@5", "min-p", "base"): "T 1, min-p 0.1",  # a tie: the first of the grid
        ("pass@5", "min-p", "student"): "T 1, min-p 0.1",
    }


def test_scores_and_differences_are_those_of_the_test(tmp_path, grid):
    rows = {(row["measure"], row["family"]): row for row in compared(tmp_path / "run", grid)["rows"]}
    row = rows["pass@1", "min-p"]
    assert row["base"]["validation"] == 0.25
    assert row["base"]["test"]["value"] == pytest.approx(4 / 15, abs=1e-6)
    assert row["student"]["test"]["value"] == pytest.approx(11 / 15, abs=1e-6)
    differences = {name: estimate["value"] for name, estimate in row["differences"].items()}
    assert differences == {
        "SSD - rival": pytest.approx(1 - 4 / 15, abs=1e-6),
        "SSD + rival - SSD": pytest.approx(11 / 15 - 1, abs=1e-6),
        "rival - base": pytest.approx(4 / 15 - 5 / 15, abs=1e-6),
    }
    assert all(e["problems"] == 24 and e["low"] <= e["value"] <= e["high"] for e in row["differences"].values())
    five = rows["pass@5", "plain"]
    assert five["base"]["test"]["value"] == pytest.approx(2 / 3, abs=1e-6)
    assert five["differences"]["SSD - rival"]["value"] == pytest.approx(1 / 3, abs=1e-6)
    assert rows["pass@1", "plain"]["differences"]["rival - base"]["value"] == 0


def test_seeds_are_pooled_problem_by_problem(tmp_path, grid):
    other = {name: list(reversed(counts)) for name, counts in TEST.items()}
    found = [compared(tmp_path / "a", grid, 0), compared(tmp_path / "b", grid, 1, other)]
    pooled = pool([tmp_path / "a", tmp_path / "b"])
    assert pooled["seeds"] == [0, 1]
    for row, *each in zip(pooled["rows"], *(f["rows"] for f in found), strict=True):
        for name, difference in row["differences"].items():
            values = [r["differences"][name]["value"] for r in each]
            assert difference["value"] == pytest.approx(np.mean(values), abs=1e-6)
            assert difference["above_zero"] == sum(r["differences"][name]["low"] > 0 for r in each)
    assert "2 of 2 seeds" in markdown(pooled)


def test_runs_that_do_not_match_are_not_pooled(tmp_path, grid):
    compared(tmp_path / "a", grid)
    found = compared(tmp_path / "b", grid)
    write_json(tmp_path / "b" / "decoding-baselines.json", {**found, "families": ["plain"]})
    with pytest.raises(UserError, match="other families or measures"):
        pool([tmp_path / "a", tmp_path / "b"])
    write_json(tmp_path / "b" / "decoding-baselines.json", found)
    problems = tmp_path / "b" / "decoding-baselines" / "test" / "evaluation" / "problems.jsonl"
    for path in problems.parent.glob("*.jsonl"):
        path.write_bytes(without_digests(path.read_bytes()).replace(b'"t/23', b'"t/99'))
    with pytest.raises(UserError, match=r"different problems than .*: 1 missing \(t/23\), 1 more \(t/99\)"):
        pool([tmp_path / "a", tmp_path / "b"])


def test_the_words_say_what_the_numbers_say(tmp_path, grid):
    found = compared(tmp_path / "run", grid)
    first = " ".join(answers(found)[:3])
    assert "SSD 100.0\u00a0%, the base 33.3\u00a0%" in first
    assert "Best rival on the base: min-p (T 1, min-p 0.3), 26.7\u00a0%" in first
    assert "SSD is better than 1 of 1 rivals" in first
    assert "no rival adds to it" in first
    lines = markdown(found).splitlines()
    assert sum(line.startswith("| plain |") for line in lines) == 2
    assert sum(line.startswith("| min-p |") for line in lines) == 2


def test_the_built_in_grid_has_every_rule():
    grid = read_grid()
    rules = {getattr(stage, "rule", "") for settings in grid.values() for stages in settings for stage in stages}
    assert rules == {"", "min-p", "top-n-sigma", "entropy-temperature", "fork-lock", "python-syntax"}
    assert {stages for family in grid.values() for stages in family if stages[-1].greedy} != set()
    names = [system.name for system in _systems(grid)]
    assert len(set(names)) == len(names) == 2 * sum(map(len, grid.values()))
    assert set(grid) - set(without_syntax(grid)) == {"Python syntax"}
    assert PLAIN in grid


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("plain: [{temperature: 0}", "broken YAML"),
        ("min-p: [{rule: min-p, min_p: 0.1}]", "has no family plain"),
        ("plain: []", "family plain has no settings"),
        ("plain: [{temperature: -1}]", r"plain\.0\.0.*greater than or equal to 0"),
        ("plain: [{rule: magic}]", "unknown rule"),
        ("- 1", "must be a section of keys"),
    ],
)
def test_mistakes_in_a_grid_are_one_line(tmp_path, text, message):
    path = tmp_path / "grid.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=message) as caught:
        read_grid(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_grid_that_is_not_there(tmp_path):
    with pytest.raises(UserError, match="cannot be read: No such file"):
        read_grid(tmp_path / "none.yaml")


def test_tuning_problems_are_never_test_problems():
    tuned = _validation(load_recipe("demo"), None, 50).evaluation
    assert (tuned.benchmark, tuned.split, tuned.limit) == ("embedded", "validation", 50)
    with pytest.raises(UserError, match="problems to tune on are among those of the test"):
        _validation(load_recipe("demo", ["evaluation.split=validation"]), None, None)
    with pytest.raises(UserError, match="has no validation problems"):
        _validation(load_recipe("demo", ["evaluation.benchmark=humaneval"]), None, None)


def test_a_decoding_of_two_families_is_evaluated_once():
    stages = read_grid()[PLAIN][0]
    systems = make_systems([("base", stages, "rival"), ("base", stages, "rival"), ("student", stages, "rival")])
    assert [system.name for system in systems] == ["base-greedy", "student-greedy"]
