"""The pages of studies in a real browser, from results with many points and long names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pages import assert_stands, chromium
from selfdistill.report.pages.advice import advice_page
from selfdistill.report.pages.arms import arms_page
from selfdistill.report.pages.curve import curve_page
from selfdistill.report.pages.page import Page, write_page
from selfdistill.report.pages.preview import preview_page
from selfdistill.report.pages.rounds import rounds_page
from selfdistill.report.pages.sweep import sweep_page
from selfdistill.studies.method_baselines import METHODS
from selfdistill.studies.sweep import fit

MEASURES = ["pass@1", "pass@5"]


def estimate(value: float) -> dict[str, Any]:
    return {"value": value, "low": value - 0.03, "high": value + 0.03, "seeds": [value], "above_zero": 1, "positive": 1}


def scores(value: float) -> dict[str, Any]:
    return {"pass@1": estimate(value), "pass@5": estimate(value + 0.2)}


def grid() -> list[dict[str, Any]]:
    return [
        {
            "t_train": t_train,
            "truncation": truncation,
            "t_eval": t_eval,
            "t_eff": t_train * t_eval,
            "effective": {"pass@1": 0.04 * t_train, "pass@5": 0.01 * t_train},
            "trusted": {"pass@1": t_train > 1, "pass@5": False},
            "scores": scores(0.5 - 0.1 * (t_train * t_eval - 1) ** 2),
            "minus_base_at_t_eval": scores(0.01),
            "minus_base_best": scores(-0.02),
        }
        for truncation in ("k20-p0.8", "none")
        for t_train in (0.5, 0.7, 1.0, 1.3, 1.6, 2.0)
        for t_eval in (0.0, 0.5, 0.7, 0.9, 1.1, 1.3)
    ]


def sweep() -> Page:
    points = grid()
    fits = {t: {m: fit(points, t, m) for m in MEASURES} for t in ("k20-p0.8", "none")}
    base = [{"t_eval": t_eval, "scores": scores(0.45 - t_eval / 20)} for t_eval in (0.0, 0.5, 0.9, 1.3)]
    common = {"name": "a-recipe-with-a-long-name", "seeds": [0, 1], "problems": 400, "measures": MEASURES}
    return sweep_page({**common, "base": base, "points": points, "fits": fits})


def preview() -> Page:
    points = [point for point in grid() if point["t_eval"]]
    common = {"name": "demo", "seed": 0, "problems": 400, "measures": MEASURES, "programs": 10_000, "seconds": 60.0}
    proposals = ["T 2, top-k 20, top-p 0.8 → T 0.5, top-k 20, top-p 0.8", "T 2 → T 1.3, top-k 20, top-p 0.8"]
    return preview_page({**common, "proposals": proposals, "greedy": scores(0.5), "points": points})


def curve() -> Page:
    variants = ("hard", "soft", "texts", "texts:embedded-buggy", "texts:embedded-strings", "texts:standard-library")
    points = [
        {
            "variant": variant,
            "sequences": size,
            "flops": size * 6e8,
            "seconds": size / 30,
            "sampling_seconds": size / 90,
            "training_seconds": size / 45,
            "scores": scores(0.55),
            "gain": scores(0.01 * step + 0.005 * number),
            "greedy_gain": scores(0.01),
        }
        for number, variant in enumerate(variants)
        for step, size in enumerate((500, 1500, 4500))
    ]
    common = {"name": "demo", "seeds": [0, 1, 2, 3, 4], "problems": 400, "measures": MEASURES}
    return curve_page({**common, "base": scores(0.5), "points": points})


def rounds() -> Page:
    rows = [
        {
            "round": number,
            "scores": scores(0.5 + 0.01 * number),
            "minus_base": scores(0.01 * number) if number else None,
            "distinct_programs": 0.7 - 0.15 * number,
            "entropy": 0.4 - 0.1 * number,
            "kept_mass": 0.95 + 0.01 * number,
        }
        for number in range(4)
    ]
    settings = {"count": 3, "prompts": "same", "sample_from": "student", "mix_first": 0.5}
    common = {"name": "demo", "settings": settings, "seeds": 2, "problems": 400, "measures": MEASURES}
    return rounds_page({**common, "rounds": rows})


def related() -> Page:
    rows = [
        {
            "arm": name,
            "title": method.title,
            "needs": method.needs,
            "seeds": [0, 1],
            "distinct_programs": 0.8,
            "sequences": 1600,
            "sampling_seconds": 12.0,
            "training_seconds": 90.0,
        }
        for name, method in METHODS.items()
    ]
    students = {
        name: {
            "scores": scores(0.5),
            "gain": scores(0.01 * number - 0.03),
            "minus_reference": scores(0.01) if number else None,
            "greedy_gain": scores(0.02) if number else None,
            "best": {
                m: {"title": "student, greedy", "score": scores(0.6)[m], "minus_base_best": scores(0.01)[m]}
                for m in MEASURES
            },
        }
        for number, name in enumerate(METHODS)
    }
    best = {measure: {"title": "base, greedy", **scores(0.5)[measure]} for measure in MEASURES}
    found = {"base": scores(0.5), "base_greedy": scores(0.5), "base_best": best, "students": students}
    sets = {name: {"problems": 200, **found} for name in ("HumanEval", "mbpp")}
    common = {"name": "demo", "problems": 400, "measures": MEASURES, "reference": METHODS["ssd"].title}
    return arms_page({**common, **found, "sets": sets, "arms": rows}, "Against related methods")


def advice() -> Page:
    points = [
        {**point, "previewed": point["scores"]["pass@1"]["value"] - 0.02, "trained": point["scores"]["pass@1"]}
        for point in grid()
        if point["t_eval"]
    ]
    against = {
        "sweep": "runs/sweep",
        "seeds": [0, 1],
        "problems": 400,
        "settings": 72,
        "recommended": estimate(0.49),
        "best": {**points[3], "score": estimate(0.52)},
        "regret": estimate(0.03),
        "regret_across_seeds": estimate(0.02),
        "best_compared": {**points[4], "score": estimate(0.5)},
        "regret_compared": estimate(0.01),
        "greedy": {"score": estimate(0.5), "regret": estimate(0.02)},
        "random": 0.06,
        "rank_correlation": {"value": 0.8, "low": 0.7, "high": 0.9, "settings": 60},
        "points": points,
        "cost": {"preview": 130.0, "sweep": 2600.0},
    }
    tied = [{**point, "behind": estimate(0.001)} for point in points[:8]]
    return advice_page(
        {
            "measure": "pass@1",
            "recommended": points[0],
            "highest": points[1],
            "chance_of_being_best": 0.2,
            "cannot_be_told_from_it": tied,
            "greedy": estimate(0.55),
            "rule_of_thumb": {"t_eff": 0.5, "kept": False},
            "paper": [{"recipe": "qwen3-4b-instruct", "sampling": "T 1.6", "student": "T 1.1", "t_eff": 1.76}],
            "left_out": 4,
            "against": against,
        }
    )


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as opened:
        yield opened


@pytest.mark.parametrize("make", [sweep, preview, advice, curve, rounds, related])
@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), pytest.param(1280, "light", marks=pytest.mark.slow)])
def test_a_study_stands_at_every_width(browser: Any, tmp_path: Path, make: Any, width: int, scheme: str) -> None:
    page = make()
    path = write_page(page, tmp_path / "page.html")
    assert_stands(browser, path, tmp_path / "page.png", width=width, scheme=scheme)
    assert page.markdown().startswith(f"# {page.title}")
