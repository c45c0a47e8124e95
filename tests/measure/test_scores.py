"""The one reader of scores: what it reads is what was counted, and only the same problems are paired."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from selfdistill.directory import RunDirectory
from selfdistill.errors import UserError
from selfdistill.files import append_records, read_records
from selfdistill.measure.evaluated import EvaluatedProblem
from selfdistill.measure.scores import ScoreTables, align, read_paired, read_scores, rows_of
from selfdistill.recipe.decoding import Decoding
from selfdistill.records import Outcome, Verdict
from selfdistill.steps.evaluation.systems import System, make_systems
from studies.decoding_baselines.written import write_evaluation

WARM, GREEDY = (Decoding(temperature=0.7),), (Decoding(temperature=0),)
SYSTEMS = make_systems([("base", WARM, "default"), ("student", WARM, "default"), ("student", GREEDY, "grid")])
PASSES = {"base-T0.7": [0, 2, 5], "student-T0.7": [1, 5, 5], "student-greedy": [5, 0, 5]}


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    write_evaluation(tmp_path / "run", SYSTEMS, PASSES, "t")
    return RunDirectory(tmp_path / "run")


def reversed_problems(run: RunDirectory, root: Path) -> RunDirectory:
    """The same evaluation with its problems the other way round."""
    other = RunDirectory(shutil.copytree(run.root, root))
    problems = list(read_records(other.problems, EvaluatedProblem))
    other.problems.unlink()
    append_records(other.problems, problems[::-1])
    return other


def test_it_reads_what_was_counted(run):
    found = read_scores(run, [1, 5])
    assert found.task_ids == ("t/0", "t/1", "t/2")
    assert found.systems == SYSTEMS
    assert found.tables["pass@1"] == pytest.approx(np.array([[0, 0.2, 1], [0.4, 1, 0], [1, 1, 1]]))
    assert found.tables["pass@5"].tolist() == [[0, 1, 1], [1, 1, 0], [1, 1, 1]]
    assert found.default("student")["pass@1"] == pytest.approx([0.2, 1, 1])
    assert found.of(SYSTEMS[2])["pass@5"].tolist() == [1, 0, 1]
    chosen = read_scores(run, [1], SYSTEMS[1:]).tables["pass@1"]
    assert chosen == pytest.approx(np.array([[0.2, 1], [1, 0], [1, 1]]))


def test_a_system_is_found_by_what_it_is_and_not_by_why_it_is_there(run):
    (same,) = make_systems([("student", (Decoding(temperature=0, top_k=20),), "rival")])
    assert read_scores(run, [1]).of(same)["pass@1"].tolist() == [1, 0, 1]
    (other,) = make_systems([("base", GREEDY, "grid")])
    with pytest.raises(UserError, match="holds no scores of 'base, greedy'"):
        read_scores(run, [1]).of(other)
    with pytest.raises(UserError, match="holds no scores of the base at its default decoding"):
        read_scores(run, [1], SYSTEMS[1:]).default("base")


def test_problems_in_another_order_are_paired_with_themselves(run, tmp_path):
    other = reversed_problems(run, tmp_path / "other")
    assert read_scores(other, [1]).task_ids == ("t/2", "t/1", "t/0")
    found = read_paired({"a": run, "b": other}, [1, 5])
    assert list(found) == ["a", "b"]
    assert found["b"].task_ids == found["a"].task_ids == ("t/0", "t/1", "t/2")
    for measure, table in found["a"].tables.items():
        np.testing.assert_array_equal(found["b"].tables[measure], table)


def table(ids: str) -> ScoreTables:
    systems: tuple[System, ...] = SYSTEMS[:1]
    return ScoreTables(Path("run", ids), systems, tuple(ids), {"pass@1": np.arange(float(len(ids)))[:, None]})


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        ("abd", r"run/abd: was judged on different problems than run/abc: 1 missing \(c\), 1 more \(d\) "),
        ("ab", r"run/ab: was judged on different problems than run/abc: 1 missing \(c\) "),
        ("abcde", r"run/abcde: was judged on different problems than run/abc: 2 more \(d\) "),
        ("abca", r"run/abca: was judged on different problems than run/abc: one of them twice "),
    ],
)
def test_different_problems_are_refused_in_one_line(ids, message):
    """As many of others, fewer, more, or one twice: each alone."""
    with pytest.raises(UserError, match=message) as caught:
        align([table("abc"), table(ids)])
    assert "\n" not in str(caught.value)


def test_rows_are_those_of_the_wanted_problems():
    assert rows_of("cab", "abc", Path("x"), Path("y")) == [2, 0, 1]
    aligned = align([table("abc"), table("cab")])
    assert aligned[1].tables["pass@1"].ravel().tolist() == [1, 2, 0]


def test_a_verdict_on_an_unknown_problem_is_one_line(run):
    append_records(run.system_verdicts("base-T0.7"), [Verdict("t/9/0", Outcome.PASSED)])
    with pytest.raises(UserError, match=r"base-T0\.7\.verdicts\.jsonl: has a verdict on 't/9', which is not among"):
        read_scores(run, [1])
