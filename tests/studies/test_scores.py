"""Scores of a study's runs: averaged over seeds and problems by hand, greedy against greedy, best against best."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from selfdistill.measure.scores import ScoreTables
from selfdistill.recipe.decoding import Decoding
from selfdistill.steps.evaluation.systems import make_systems
from selfdistill.studies.scores import best_scores, differences, greedy_gain, greedy_scores, over_seeds

WARM, GREEDY = (Decoding(temperature=0.7),), (Decoding(temperature=0),)
BOTH = (Decoding(temperature=0.7), Decoding(temperature=1.0))


def run(scores: dict[tuple[str, tuple], list[float]], names: str = "abcd", root: str = "run") -> ScoreTables:
    """A run with one measure."""
    systems = make_systems([(model, stages, "grid") for model, stages in scores])
    return ScoreTables(Path(root), systems, tuple(names), {"pass@1": np.array(list(scores.values())).T})


ONE = run({("base", WARM): [0, 0.5, 1, 1], ("base", GREEDY): [0, 1, 1, 0], ("base", BOTH): [0.5, 0.5, 0.5, 0.75],
           ("student", WARM): [0.5, 1, 1, 1], ("student", GREEDY): [1, 1, 1, 0]})  # fmt: skip
TWO = run({("student", GREEDY): [1, 0, 1, 1], ("base", GREEDY): [0, 0, 1, 1], ("base", BOTH): [0.5, 0.5, 0.5, 0.75],
           ("base", WARM): [1, 0.5, 1, 0.5]})  # fmt: skip
"""Of another seed, with its systems in another order, and without the student's other decoding."""


def by_hand(found: dict, *per_seed: list[float]) -> None:
    """A mean over seeds and problems, and each seed's own."""
    values = [float(np.mean(scores)) for scores in per_seed]
    assert found["value"] == pytest.approx(np.mean(values))
    assert found["seeds"] == [round(value, 6) for value in values]
    assert found["problems"] == 4
    assert found["positive"] == sum(value > 0 for value in values)
    assert found["low"] <= found["value"] <= found["high"]


def test_over_seeds_is_the_mean_of_means():
    greedy = [run.of(next(s for s in run.systems if s.name == "base-greedy")) for run in (ONE, TWO)]
    by_hand(over_seeds(greedy)["pass@1"], [0, 1, 1, 0], [0, 0, 1, 1])
    thirds = [{"pass@1": np.array([1, 0, 0, 0]) / 3}]
    assert over_seeds(thirds)["pass@1"]["seeds"] == [0.083333]
    assert over_seeds(thirds)["pass@1"]["value"] == pytest.approx(1 / 12)


def test_differences_are_paired_by_seed_and_problem():
    scores = [greedy_scores(run, "student") for run in (ONE, TWO)]
    against = [greedy_scores(run, "base") for run in (ONE, TWO)]
    by_hand(differences(scores, against)["pass@1"], [1, 0, 0, 0], [1, 0, 0, 0])
    with pytest.raises(ValueError, match="shorter"):
        differences(scores, against[:1])


def test_greedy_against_greedy_where_all_runs_have_it():
    by_hand(greedy_gain([ONE, TWO], [ONE, TWO])["pass@1"], [1, 0, 0, 0], [1, 0, 0, 0])
    by_hand(greedy_gain([ONE, TWO], [TWO, ONE])["pass@1"], [1, 1, 0, -1], [1, -1, 0, 1])
    without = run({("student", WARM): [1, 1, 1, 1], ("base", GREEDY): [0, 0, 0, 0]})
    assert greedy_scores(without, "student") is None
    assert greedy_scores(without, "base")["pass@1"].tolist() == [0, 0, 0, 0]
    assert greedy_gain([ONE, without], [ONE, TWO]) is None
    assert greedy_gain([ONE], [run({("base", WARM): [1, 1, 1, 1]})]) is None


def test_the_best_decoding_is_that_of_the_highest_mean_over_runs():
    system, scores = best_scores([ONE, TWO], "base", "pass@1")
    assert system.stages == WARM, "0.625 and 0.75, where the two stages have 0.5625 and greedy 0.5"
    assert [each["pass@1"].tolist() for each in scores] == [[0, 0.5, 1, 1], [1, 0.5, 1, 0.5]]
    assert best_scores([ONE], "student", "pass@1")[0].stages == WARM


def test_problems_without_a_score_in_a_seed_are_left_out_of_the_mean_over_seeds():
    lost = run({("base", WARM): [math.nan, 0.5, 1, 0.5]})
    found = over_seeds([each.of(each.systems[0]) for each in (ONE, lost)])["pass@1"]
    assert found["value"] == pytest.approx(np.mean([0.5, 1, 0.75]))
    assert found["problems"] == 3
    assert found["seeds"] == pytest.approx([0.625, 2 / 3], abs=1e-6)
