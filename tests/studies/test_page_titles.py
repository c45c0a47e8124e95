"""The titles of the studies' pages are their answers."""

from __future__ import annotations

from typing import Any

import pytest

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
