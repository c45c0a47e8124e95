"""Sweeps and learning curves: what is shared equals what would have been made, and the numbers are the runs' own."""

from __future__ import annotations

import numpy as np
import pytest

from run.small import SMALL, command, here, results, run, run_command
from selfdistill.files import read_json, read_records
from selfdistill.records import Sample
from selfdistill.report.pages.curve import matching_size
from selfdistill.studies.sweep import fit

TINY = [part for override in SMALL for part in ("--set", override)]


def points(values: list[tuple[float, float]]) -> list[dict]:
    return [{"truncation": "none", "t_eval": 1.0, "t_eff": x, "scores": {"pass@1": {"value": y}}} for x, y in values]


def test_the_fit_finds_a_parabola_its_peak_and_r_squared():
    exact = points([(x, 0.6 - 0.2 * (x - 1.2) ** 2) for x in (0.4, 0.8, 1.2, 1.6, 2.0)])
    found = fit(exact, "none", "pass@1")
    assert found["peak"] == pytest.approx(1.2)
    assert found["r_squared"] == pytest.approx(1.0)
    noisy = fit(points([(0.4, 0.1), (0.8, 0.5), (1.2, 0.2), (1.6, 0.6)]), "none", "pass@1")
    x, y = np.array([0.4, 0.8, 1.2, 1.6]), np.array([0.1, 0.5, 0.2, 0.6])
    residual = y - np.polyval(np.polyfit(x, y, 2), x)
    assert noisy["r_squared"] == pytest.approx(1 - residual.var() / y.var())
    assert fit(exact[:3], "none", "pass@1") is None


def test_where_a_curve_reaches_a_gain():
    curve = [
        {"variant": "soft", "sequences": size, "gain": {"pass@1": {"value": gain}}}
        for size, gain in ((1000, 0.02), (3000, 0.04), (9000, 0.05))
    ]
    assert matching_size(curve, "soft", 0.03, "pass@1", "sequences") == pytest.approx(2000)
    assert matching_size(curve, "soft", 0.01, "pass@1", "sequences") == 1000
    assert matching_size(curve, "soft", 0.06, "pass@1", "sequences") is None


@pytest.mark.slow
def test_a_cells_run_is_the_run_that_its_recipe_makes(tmp_path):
    """Taken over or not: samples, verdicts and losses are those of `selfdistill run`, and the same command resumes."""
    arguments = ["--t-train", "0.7,1.3", "--t-eval", "0,1.0", "--out", str(tmp_path / "sweep")]
    done = run(command("sweep", "demo", *TINY, *arguments))
    assert done.returncode == 0, done.stderr
    cell = tmp_path / "sweep" / "T1.3-k20-p0.8-seed-0"
    alone = run(run_command(tmp_path / "alone", "sampling.decoding.temperature=1.3"))
    assert alone.returncode == 0, alone.stderr
    assert run(command("report", str(cell))).returncode == 0
    one, other = results(cell), results(tmp_path / "alone")
    for part in ("samples", "verdicts", "losses"):
        assert one[part] == other[part]
    stages = read_json(cell / "manifest.json")["stages"]
    assert stages["evaluate base-greedy"]["shared"]
    before = (tmp_path / "sweep" / "sweep.json").read_text()
    again = run(command("sweep", "demo", *TINY, *arguments))
    assert again.returncode == 0, again.stderr
    assert (tmp_path / "sweep" / "sweep.json").read_text() == before
    table = read_json(tmp_path / "sweep" / "sweep.json")
    assert len(table["points"]) == 4
    assert {point["t_eff"] for point in table["points"]} == {0.0, 0.7, 1.3}
    greedy = next(row for row in table["base"] if row["t_eval"] == 0)
    summary = read_json(tmp_path / "alone" / "summary.json")
    expected = next(s for s in summary["systems"] if s["name"] == "base-greedy")["scores"]["pass@1"]["all"]["value"]
    assert greedy["scores"]["pass@1"]["value"] == pytest.approx(expected, abs=1e-6)


@pytest.mark.slow
def test_learning_curves_share_samples_and_train_on_nested_subsets(tmp_path):
    arguments = ["--sequences", "16,64", "--variants", "hard,soft,texts", "--seeds", "1", "--jobs", "2"]
    done = run(command("curve", "demo", *TINY, *arguments, "--out", str(tmp_path)))
    assert done.returncode == 0, done.stderr
    curve = read_json(tmp_path / "curve.json")
    assert [(p["variant"], p["kept"]) for p in curve["points"]] == [
        (variant, size) for variant in ("hard", "soft", "texts") for size in (16, 64)
    ]
    samples = {name: list(read_records(tmp_path / f"{name}-64-seed-0" / "samples.jsonl", Sample))
               for name in ("hard", "soft", "texts")}  # fmt: skip
    assert samples["hard"] == samples["soft"] != samples["texts"]
    hard, soft = (p for p in curve["points"] if p["sequences"] == 64 and p["variant"] != "texts")
    assert hard["flops"] == soft["flops"] > 0
    assert (tmp_path / "curve.html").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--t-train", "0.5,warm"], "'warm' is not a number"),
        (["--t-train", "-1"], "-1 is out of range"),
        (["--t-eval", "nan"], "nan is out of range"),
        (["--truncation", "20"], "'20' is not TOP_K/TOP_P"),
        (["--truncation", "20/1.5"], "'20/1.5' is not TOP_K/TOP_P"),
    ],
)
def test_a_users_mistake_is_one_line(tmp_path, arguments, message):
    done = here("sweep", "demo", "--out", str(tmp_path / "x"), *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "x").exists()
