"""The titles of the studies' pages are their answers."""

from __future__ import annotations

from typing import Any

import pytest

from selfdistill.study.rounds_page import rounds_page


def rounds(scores: list[float], programs: list[float]) -> str:
    rows = [
        {
            "round": number,
            "scores": {"pass@1": {"value": score, "low": score, "high": score}},
            "minus_base": {"pass@1": {"value": 0.0, "low": 0.0, "high": 0.0}},
            "distinct_programs": share,
            "entropy": 0.3,
            "kept_mass": 0.9,
        }
        for number, (score, share) in enumerate(zip(scores, programs, strict=True))
    ]
    settings: dict[str, Any] = {"count": 2, "prompts": "same", "sample_from": "student", "mix_first": 0.0}
    common = {"name": "demo", "settings": settings, "seeds": 1, "problems": 4, "measures": ["pass@1"]}
    return rounds_page({**common, "rounds": rows}).title


@pytest.mark.parametrize(
    ("scores", "programs", "answer"),
    [
        ([0.5, 0.6, 0.55], [0.9, 0.8, 0.45], "pass@1 is highest after round 1; after 2 there are 50 % fewer"),
        ([0.5, 0.4, 0.3], [0.5, 0.5, 0.6], "no round raises pass@1; after 2 there are 20 % more"),
    ],
)
def test_rounds_say_which_round_is_best_and_what_variety_was_lost(scores, programs, answer):
    assert rounds(scores, programs).replace("\u00a0", " ") == f"demo: {answer} different programs"
