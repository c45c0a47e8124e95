"""The titles of the studies' pages are their answers."""

from __future__ import annotations

from typing import Any

import pytest

from selfdistill.report.pages.arms import arms_page
from selfdistill.report.pages.rounds import rounds_page


def rounds(scores: list[float], programs: list[float], width: float) -> str:
    rows = [
        {
            "round": number,
            "scores": {"pass@1": {"value": score, "low": score, "high": score}},
            "minus_base": {"pass@1": {"value": gain, "low": gain - width, "high": gain + width}} if number else None,
            "distinct_programs": share,
            "entropy": 0.3,
            "kept_mass": 0.9,
        }
        for number, (score, share) in enumerate(zip(scores, programs, strict=True))
        for gain in [score - scores[0]]
    ]
    settings: dict[str, Any] = {"count": 2, "prompts": "same", "sample_from": "student", "mix_first": 0.0}
    common = {"name": "demo", "settings": settings, "seeds": 1, "problems": 4, "measures": ["pass@1"]}
    return rounds_page({**common, "rounds": rows}).title


@pytest.mark.parametrize(
    ("scores", "programs", "width", "answer"),
    [
        ([0.5, 0.6, 0.55], [0.9, 0.8, 0.45], 0.05, "pass@1 is highest after round 1; after 2 there are 50 % fewer"),
        ([0.5, 0.6, 0.55], [0.9, 0.8, 0.45], 0.15, "no round measurably raises pass@1; after 2 there are 50 % fewer"),
        ([0.5, 0.4, 0.3], [0.5, 0.5, 0.6], 0.05, "no round measurably raises pass@1; after 2 there are 20 % more"),
    ],
)
def test_rounds_say_which_round_is_best_and_what_variety_was_lost(scores, programs, width, answer):
    assert rounds(scores, programs, width).replace("\u00a0", " ") == f"demo: {answer} different programs"


@pytest.mark.parametrize(
    ("gains", "answer"),
    [
        ([0.02, 0.05], "demo, second: +5.0 [+1.0, +9.0] points of pass@1, the most"),
        ([0.02, 0.03], "demo: no arm measurably gains; second: +3.0 [−1.0, +7.0] points of pass@1"),
        ([0.06], "demo, first: +6.0 [+2.0, +10.0] points of pass@1"),
    ],
)
def test_arms_say_which_gains_most_if_any_does(gains, answer):
    def about(value: float) -> dict[str, Any]:
        return {"pass@1": {"value": value, "low": value - 0.04, "high": value + 0.04}}

    names = ["first", "second"][: len(gains)]
    cost = {"needs": "nothing", "seeds": [0], "sequences": 9, "sampling_seconds": 1, "training_seconds": 1}
    student = {"minus_reference": None, "greedy_gain": None}
    best = {"title": "student, greedy", "score": about(0.5)["pass@1"], "minus_base_best": about(0.0)["pass@1"]}
    page = arms_page(
        {
            "name": "demo",
            "problems": 4,
            "measures": ["pass@1"],
            "reference": "first",
            "base": about(0.5),
            "base_greedy": None,
            "base_best": {"pass@1": {"title": "base, greedy", **about(0.5)["pass@1"]}},
            "students": {
                name: {"scores": about(0.5 + gain), "gain": about(gain), "best": {"pass@1": best}, **student}
                for name, gain in zip(names, gains, strict=True)
            },
            "sets": {},
            "arms": [{"arm": name, "title": name, "distinct_programs": 1.0, **cost} for name in names],
        },
        "Arms of an experiment",
    )
    assert page.title.replace("\u00a0", " ") == answer
