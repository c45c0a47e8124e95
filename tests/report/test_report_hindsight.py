"""What may be said of decodings that were picked on the test problems: intervals that allow for the choice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from simulated_run import Simulation, systems, write_run

from selfdistill import seeds
from selfdistill.measure.comparisons import comparisons
from selfdistill.measure.estimates import Measured, measure
from selfdistill.measure.statistics import DIFFERENCE, Estimate, intervals
from selfdistill.report import build_summary
from selfdistill.report.hindsight import Pairs, all_pairs, allow_for_choices, shown_frontier
from selfdistill.report.html import render
from selfdistill.steps.evaluation.systems import System

PROBLEMS = 120


def measured(table: np.ndarray, listed: list[System]) -> dict[str, Estimate]:
    """The differences of the default, best, and best-against-best comparisons of one measure."""
    tables, masks = {"pass@1": table}, {"all": np.ones(len(table), bool)}
    compared = comparisons(listed, {"pass@1": np.nanmean(table, axis=0).tolist()})
    pairs = {"pass@1": all_pairs(listed, table, 0)}
    found: Measured = allow_for_choices(measure(tables, masks, compared, 0), compared, pairs)
    return {each.kind: found.comparisons["pass@1"]["all"][i] for i, each in reversed(list(enumerate(compared)))}


def scores(rates: dict[str, float], seed: int = 0, problems: int = PROBLEMS) -> tuple[np.ndarray, list[System]]:
    """Independent scores of ten programs a problem; `rates` by model."""
    listed = list(systems())
    stream = seeds.generator(seed, "scores")
    columns = [stream.binomial(10, rates[system.model], problems) / 10 for system in listed]
    return np.stack(columns, axis=1), listed


def test_the_student_must_beat_every_decoding_of_the_base() -> None:
    """The base's highest mean is beaten beyond doubt, its second highest, which varies more, is not."""
    table, listed = scores({"base": 0.2, "student": 0.5})
    bases = [i for i, system in enumerate(listed) if system.model == "base"]
    table[:, bases[2]] = 0.4
    noisy = seeds.generator(1, "n").permutation(np.r_[np.ones(47), np.zeros(PROBLEMS - 47)])
    table[:, bases[3]] = noisy
    student = next(i for i, system in enumerate(listed) if system.model == "student")
    table[:, student] = 0.45
    found = measured(table, listed)
    alone = intervals(table[:, [student]] - table[:, bases], seeds.generator(0, "report", "all"), DIFFERENCE)
    assert found["best"].value == pytest.approx(0.05)
    assert alone[2].sign == 1, "the plain interval against the highest excludes zero"
    assert found["best"].low == min(each.low for each in alone) < 0


def test_the_highest_of_equals_is_rarely_called_better() -> None:
    """All decodings are equally good. Plain 95 % intervals of the highest are fooled far more often."""
    fooled = {"plain": 0, "own best": 0, "base's best": 0}
    for seed in range(25):
        table, listed = scores({"base": 0.5, "student": 0.5}, seed, problems=40)
        students, bases = ([i for i, s in enumerate(listed) if s.model == model] for model in ("student", "base"))
        own = max(students, key=lambda i: table[:, i].mean())
        top = max(bases, key=lambda i: table[:, i].mean())
        pairs = np.stack([table[:, own] - table[:, bases[0]], table[:, students[0]] - table[:, top]], axis=1)
        alone = intervals(pairs, seeds.generator(seed, "alone"), DIFFERENCE)
        fooled["plain"] += (alone[0].low > 0) + (alone[1].high < 0)
        kept = [bases[0], *students]
        fooled["own best"] += measured(table[:, kept], [listed[i] for i in kept])["best against best"].low > 0
        fooled["base's best"] += measured(table, listed)["best"].high < 0
    assert fooled["plain"] >= 6
    assert fooled["own best"] + fooled["base's best"] <= 2


def test_clear_differences_are_still_shown() -> None:
    better = measured(*scores({"base": 0.3, "student": 0.6}))
    assert better["best"].sign == better["best against best"].sign == 1
    worse = measured(*scores({"base": 0.6, "student": 0.3}))
    assert worse["best"].sign == worse["best against best"].sign == -1
    for found in (*better.values(), *worse.values()):
        assert found.low <= found.value <= found.high


def test_only_the_measure_that_picked_is_widened() -> None:
    table, listed = scores({"base": 0.4, "student": 0.5})
    compared = comparisons(listed, {"pass@1": table.mean(0).tolist(), "pass@5": table.mean(0).tolist()})
    tables, masks = {"pass@1": table, "pass@5": table}, {"all": np.ones(len(table), bool)}
    raw = measure(tables, masks, compared, 0)
    pairs = {name: all_pairs(listed, table, 0) for name in tables}
    allowed = allow_for_choices(raw, compared, pairs)
    for i, each in enumerate(compared):
        for name in tables:
            same = raw.comparisons[name]["all"][i] == allowed.comparisons[name]["all"][i]
            assert same == (each.picked_by != name)


def test_undefined_systems_are_no_choice() -> None:
    table, listed = scores({"base": 0.4, "student": 0.5})
    table[:, 3] = np.nan
    pairs = all_pairs(listed, table, 0)
    assert pairs is not None
    assert 3 not in pairs.bases
    assert pairs.low.shape == (len(pairs.students), len(pairs.bases))
    assert all_pairs(listed, np.full_like(table, np.nan), 0) is None


def ends(low: list[list[float]], high: list[list[float]]) -> Pairs:
    """Two students and two bases."""
    return Pairs((2, 3), (0, 1), np.array(low), np.array(low), np.array(high))


def test_a_frontier_is_shown_by_intervals_on_both_measures_for_every_decoding() -> None:
    wide = [[0.5, 0.5], [0.5, 0.5]]
    outside = ends([[0.1, -0.1], [-0.1, 0.1]], wide)
    assert shown_frontier(outside, outside) == "outside"
    assert shown_frontier(outside, ends([[0.1, 0.1], [-0.1, -0.1]], wide)) is None, "not the same pair on both"
    assert shown_frontier(ends([[0.1, -0.1], [0.1, -0.1]], wide), outside) is None, "one base is not beaten"
    narrow = [[-0.5, -0.5], [-0.5, -0.5]]
    inside = ends(narrow, [[-0.1, 0.1], [0.1, -0.1]])
    assert shown_frontier(inside, inside) == "inside"
    assert shown_frontier(inside, outside) is None
    assert shown_frontier(None, inside) is None


def test_one_passing_program_moves_no_frontier(tmp_path: Path) -> None:
    """By the scores alone the base's one pass of 20 puts the student's frontier inside; nothing says so in bold."""
    found = build_summary(write_run(tmp_path, Simulation(10, 2, student_gain=-9.0, hot_penalty=0.2, lift=-2.0)))
    assert found["frontier"]["student_beaten"] > 0
    assert found["frontier"]["shown"] is None
    page = render(found)
    assert "<strong>" not in page
    assert "The intervals do not show that one frontier lies outside the other." in page


def test_a_frontier_that_is_shown_is_said(tmp_path: Path) -> None:
    found = build_summary(write_run(tmp_path, Simulation(60, student_gain=4.0, hot_penalty=0.1, lift=-2.0)))
    assert found["frontier"]["shown"] == "outside"
    assert "<strong>the student’s frontier lies outside the base’s</strong>" in render(found)
