"""The parts of the report that are plain functions: choice of rivals, frontier, words, cost, charts' helpers."""

from __future__ import annotations

import math
import re
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from simulated_run import TRAINING, systems

from selfdistill.measure import words
from selfdistill.measure.comparisons import best, comparisons, find
from selfdistill.measure.evaluated import EvaluatedProblem, exception_type
from selfdistill.report.answer import answer
from selfdistill.report.charts.curves import Curves, Point, frontier_chart
from selfdistill.report.charts.training import running_mean
from selfdistill.report.cost import cost
from selfdistill.report.examples import _program
from selfdistill.report.frontier import beats, frontier
from selfdistill.steps.evaluation.systems import System

SCORES = st.tuples(st.floats(0, 1), st.floats(0, 1))


def test_the_best_is_never_an_undefined_one() -> None:
    listed = systems()
    means = [math.nan if i % 2 else i / 100 for i in range(len(listed))]
    position = best(listed, means, "base")
    assert position is not None
    assert means[position] == max(m for m, s in zip(means, listed, strict=True) if s.model == "base" and m == m)
    assert best(listed, [math.nan] * len(listed), "base") is None


def test_the_preview_that_is_compared_decodes_as_the_student_does() -> None:
    listed = systems()
    student, preview = find(listed, "student", "default"), find(listed, "base", "preview")
    assert student is not None
    assert preview is not None
    assert listed[preview].stages[-1:] == listed[student].stages


def test_every_preview_at_equal_decoding_is_compared() -> None:
    listed = list(systems())
    later = [s.stages[-1] for s in listed if s.model == "student" and "grid" in s.roles and not s.stages[-1].greedy]
    listed += [System(f"p{i}", "base", (TRAINING, stage), ("preview",), "preview") for i, stage in enumerate(later)]
    pairs = [c for c in comparisons(listed, {"pass@1": [0.5] * len(listed)}) if c.kind == "equal decoding, preview"]
    assert {listed[c.student].stages for c in pairs} == {(stage,) for stage in later}
    assert all(listed[c.base].stages == (TRAINING, *listed[c.student].stages) for c in pairs)


def compared(kind: str, verdict: str, base: str = "other") -> dict:
    score = {
        "student": 0.5,
        "base": 0.4,
        "difference": {"value": 0.1, "low": 0.05, "high": 0.15, "problems": 600},
        "verdict": verdict,
    }
    return {
        "kind": kind,
        "picked_by": "pass@1" if "best" in kind else "",
        "title": f"the {kind}",
        "chosen": "Somehow.",
        "student": "s",
        "student_title": "student, greedy",
        "base": base,
        "base_title": "base, greedy",
        "scores": {"pass@1": {"all": score}},
    }


@pytest.mark.parametrize(
    ("best_verdict", "own", "base", "second"),
    [
        ("better", "better", "other", "It also beats the base’s best decoding."),
        ("not distinguishable", "better", "other", "It beats the base’s best decoding only at its own best one"),
        ("worse", "better", "other", "It beats the base’s best decoding only at its own best one"),
        ("not distinguishable", "not distinguishable", "other", "It does not measurably beat the base’s best decoding"),
        ("worse", "worse", "other", "Decoding the base better does more"),
        ("better", "better", "default", "It also beats the base’s best decoding."),
        ("not distinguishable", "not distinguishable", "default", "No other decoding of the base scored higher"),
    ],
)
def test_the_second_line_says_whether_training_was_needed(best_verdict: str, own: str, base: str, second: str) -> None:
    found = answer(
        [
            compared("default", "better", "default"),
            compared("best", best_verdict, base),
            compared("best against best", own),
        ],
        ["pass@1"],
        10,
    )
    assert found["headline"][1].startswith(second)
    not_shown = best_verdict == "not distinguishable" and base != "default"
    assert ("is not shown" in " ".join(found["sentences"])) == not_shown


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("    return x + 1\n", True),
        ("\n    return x + 1\n", True),
        ("Sure:\n```python\ndef f(x):\n    return x\n```", False),
        ("  Sure:\n```python\ndef f(x):\n    return x\n```", False),
        ("def f(x):\n    return x\n", False),
        ("\n", False),
    ],
)
def test_code_to_go_on_from_is_shown_before_what_goes_on_from_it(text: str, whole: bool) -> None:
    prefix = "def f(x):\n"
    assert _program(EvaluatedProblem("t/0", None, "", prefix), text) == (prefix + text if whole else text)


@pytest.mark.parametrize("rate", [0.0, 1.0])
def test_axes_of_percent_end_where_percent_does(rate: float) -> None:
    score = {"value": rate, "low": rate, "high": rate}
    point = Point(0.7, False, {"pass@1": score, "pass@5": score})
    line = {"base": [point, point], "preview": [], "student": [point]}
    ticks = re.findall(r">(−?[\d.]+)</text>", frontier_chart(Curves(line, []), "pass@1", "pass@5"))
    assert ticks
    assert all(not tick.startswith("−") and float(tick) <= 100 for tick in ticks)


@given(SCORES, SCORES, SCORES)
def test_beating_is_a_strict_partial_order(a: words.Any, b: words.Any, c: words.Any) -> None:
    assert not beats(a, a)
    assert not (beats(a, b) and beats(b, a))
    assert not (beats(a, b) and beats(b, c)) or beats(a, c)


def test_frontier_outside_inside_and_crossing() -> None:
    listed = systems()
    is_student = np.array([system.model == "student" for system in listed])
    above = frontier(listed, 0.5 + 0.1 * is_student, 0.7 + 0.1 * is_student)
    assert above is not None
    assert (above["outside"], above["inside"], above["base_beaten"]) == (True, False, above["base_points"])
    below = frontier(listed, 0.5 - 0.1 * is_student, 0.7 - 0.1 * is_student)
    assert below is not None
    assert (below["outside"], below["inside"]) == (False, True)
    crossing = frontier(listed, 0.5 + 0.1 * is_student, 0.7 - 0.1 * is_student)
    assert crossing is not None
    assert (crossing["outside"], crossing["inside"], crossing["base_beaten"]) == (False, False, 0)
    assert frontier(listed, [math.nan] * len(listed), [0.5] * len(listed)) is None


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (words.percent(0.578), "57.8\u00a0%"),
        (words.percent(None), "–"),
        (words.points(0.0541), "+5.4"),
        (words.points(-0.0541), "−5.4"),
        (words.points(-0.0001), "0.0"),
        (words.point_interval({"value": 0.05, "low": -0.01, "high": 0.11}), "+5.0\u00a0[−1.0,\u00a0+11.0]"),
        (words.percent_interval({"value": None, "low": None, "high": None}), "–"),
        (words.count(1234567), "1,234,567"),
        (words.percent(0.5955), "59.6\u00a0%"),
        (words.percent(0.5955 - 1e-12), "59.6\u00a0%"),
        (words.percent(0.59549), "59.5\u00a0%"),
        (words.points(-0.0005), "−0.1"),
        (words.number(59.55), "59.6"),
        (words.number(math.nan), "nan"),
        (words.duration(4.25), "4.3\u00a0s"),
        (words.duration(59.99), "60.0\u00a0s"),
        (words.duration(192), "3\u00a0min 12\u00a0s"),
        (words.duration(7500), "2\u00a0h 5\u00a0min"),
        (words.gigabytes(12_345_000_000), "12.3\u00a0GB"),
        (words.gigabytes(None), "–"),
        (words.plural(1, "problem"), "1\u00a0problem"),
        (words.plural(1200, "problem"), "1,200\u00a0problems"),
        (words.listed(["a"]), "a"),
        (words.listed(["a", "b", "c"]), "a, b and c"),
        (words.unbroken("base, T 0.7, top-k 20"), "base, T\u00a00.7, top\u2011k\u00a020"),
    ],
)
def test_words(written: str, expected: str) -> None:
    assert written == expected


def test_cost_adds_up_and_folds_the_systems() -> None:
    stages = {
        "sample": {"seconds": 2.0, "tokens": 100},
        "evaluate base-greedy": {"seconds": 1.0, "tokens": 30, "gpu_peak_bytes": 5},
        "evaluate student-greedy": {"seconds": 3.0, "tokens": 50, "gpu_peak_bytes": 4},
        "grade": {"seconds": 4.0, "programs": 7},
    }
    found = cost(stages)
    assert found["stages"] == stages
    assert found["seconds"] == 10
    assert [row["stage"] for row in found["table"]] == ["sample", "evaluate, 2 systems", "grade"]
    assert found["table"][1] == {
        "stage": "evaluate, 2 systems",
        "seconds": 4.0,
        "tokens": 80,
        "tokens_per_second": 20.0,
        "gpu_peak_bytes": 5,
    }
    assert found["table"][0]["gpu_peak_bytes"] is None
    assert cost({}) == {"stages": {}, "table": [], "seconds": 0}


@pytest.mark.parametrize(
    ("detail", "name"),
    [
        ("IndexError: list index out of range", "IndexError"),
        ("json.decoder.JSONDecodeError: x", "JSONDecodeError"),
        ("", "unnamed"),
        ("<odd>", "unnamed"),
    ],
)
def test_exceptions_are_named_by_type(detail: str, name: str) -> None:
    assert exception_type(detail) == name


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=50), st.integers(1, 30))
def test_running_mean_is_the_mean_of_the_window(values: list[float], window: int) -> None:
    half = window // 2
    direct = [np.mean(values[max(0, i - half) : i + half + 1]) for i in range(len(values))]
    assert running_mean(values, window) == pytest.approx(direct, abs=1e-9)


def test_outcome_shares_add_up(summary: dict) -> None:
    for model in ("base", "student"):
        assert sum(row[model] for row in summary["outcomes"]) == pytest.approx(1, abs=1e-5)
    kinds = Counter(row["kind"] for row in summary["outcomes"])
    assert kinds["passed"] == 1
    assert summary["outcomes"][0]["kind"] == "passed"
