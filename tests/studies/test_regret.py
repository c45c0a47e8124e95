"""Advice against trained students: simulated sweeps whose passes are counted here by hand."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import numpy as np
import pytest

from report.simulated_run import Simulation, write_run
from run.small import here
from selfdistill.errors import UserError
from selfdistill.files import append_records, read_json, read_records, write_bytes, write_json
from selfdistill.records import Outcome, Verdict
from selfdistill.studies import regret as module
from selfdistill.studies.advise import advise
from selfdistill.studies.regret import regret
from selfdistill.studies.sweep import cell_name
from tests.conftest import without_digests

GAINS = {0.5: 0.2, 0.7: 1.5, 1.0: 0.8, 1.3: -0.3}
T_EVALS = (0.0, 0.7, 1.3)
SEEDS = (0, 1)
NAMES = [(t_train, t_eval) for t_train in GAINS for t_eval in T_EVALS]


@pytest.fixture(scope="module")
def sweep(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("sweep")
    for t_train, gain in GAINS.items():
        for seed in SEEDS:
            cell = write_run(out / cell_name(t_train, "none", seed), Simulation(student_gain=gain, seed=seed))
            shared = {"seconds": 1000.0, "shared": True}
            write_json(cell / "manifest.json", {"stages": {"sample": shared, "train": {"seconds": 50.0}}})
    points = [{"t_train": t_train, "truncation": "none", "t_eval": t_eval} for t_train, t_eval in NAMES]
    write_json(out / "sweep.json", {"seeds": list(SEEDS), "problems": 60, "points": points})
    return out


def passed(sweep: Path, t_train: float, t_eval: float, seed: int) -> np.ndarray:
    """(problems,) share of programs that passed."""
    system = "student-greedy" if t_eval == 0 else f"student-T{t_eval:g}-k20-p0.8"
    path = sweep / cell_name(t_train, "none", seed) / "evaluation" / f"{system}.verdicts.jsonl"
    verdicts = [verdict.outcome is Outcome.PASSED for verdict in read_records(path, Verdict)]
    return np.array(verdicts).reshape(60, -1).mean(1)


def mean(sweep: Path, t_train: float, t_eval: float) -> float:
    return float(np.mean([passed(sweep, t_train, t_eval, seed) for seed in SEEDS]))


def write_preview(
    out: Path, sweep: Path, sign: float = 1.0, order: np.ndarray | None = None, noise: float = 0.0
) -> Path:
    """A preview whose scores are the trained ones or fall where they rise, in any order, more or less sure."""
    settings = [name for name in NAMES if name[1] > 0]
    order = np.arange(60) if order is None else order
    columns = [np.mean([passed(sweep, *name, seed) for seed in SEEDS], axis=0)[order] for name in settings]
    table = 0.5 + sign * 0.5 * np.column_stack([*columns, columns[0]])
    table += noise * np.random.default_rng(3).normal(size=table.shape)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **{"pass@1": table})
    write_bytes(out / "preview.npz", buffer.getvalue())
    problems = sweep / cell_name(0.5, "none", 0) / "evaluation" / "problems.jsonl"
    lines = without_digests(problems.read_bytes()).splitlines(keepends=True)
    write_bytes(out / "evaluation" / "problems.jsonl", b"".join(lines[index] for index in order))
    points = [
        {
            "t_train": t_train,
            "truncation": "none",
            "t_eval": t_eval,
            "t_eff": t_train * t_eval,
            "trusted": {"pass@1": True},
            "scores": {"pass@1": {"value": float(table[:, column].mean()), "low": 0.0, "high": 1.0}},
        }
        for column, (t_train, t_eval) in enumerate(settings)
    ]
    write_json(out / "preview.json", {"seed": 0, "measures": ["pass@1"], "points": points, "greedy": {}})
    write_json(out / "manifest.json", {"stages": {"grade": {"seconds": 20.0}}})
    return out


def test_what_the_advice_lost_and_saved(sweep, tmp_path):
    preview = write_preview(tmp_path, sweep, order=np.random.default_rng(0).permutation(60))
    wanted = {"t_train": 0.5, "truncation": "none", "t_eval": 1.3}
    found = regret(preview, sweep, wanted, "pass@1")
    scores = {name: mean(sweep, *name) for name in NAMES}
    best = max(scores, key=scores.__getitem__)
    compared = max((name for name in NAMES if name[1] > 0), key=scores.__getitem__)
    assert (found["best"]["t_train"], found["best"]["t_eval"]) == best
    assert found["regret"]["value"] == pytest.approx(scores[best] - scores[0.5, 1.3], abs=1e-6)
    assert found["regret"]["low"] > 0
    assert found["regret_compared"]["value"] == pytest.approx(scores[compared] - scores[0.5, 1.3], abs=1e-6)
    assert found["random"] == pytest.approx(scores[best] - np.mean(list(scores.values())), abs=1e-6)
    crossed = []
    for seed in SEEDS:
        picked = max(NAMES, key=lambda name: passed(sweep, *name, 1 - seed).mean())
        crossed.append(passed(sweep, *picked, seed).mean() - passed(sweep, 0.5, 1.3, seed).mean())
    assert found["regret_across_seeds"]["value"] == pytest.approx(np.mean(crossed), abs=1e-6)
    assert found["greedy"]["score"]["value"] == pytest.approx(scores[0.5, 0.0], abs=1e-6)
    assert found["greedy"]["regret"]["value"] == pytest.approx(scores[best] - scores[0.5, 0.0], abs=1e-6)
    assert found["cost"] == {"preview": 20.0, "sweep": 50.0 * len(GAINS) * len(SEEDS)}
    assert found["rank_correlation"]["value"] == pytest.approx(1)
    assert found["rank_correlation"]["settings"] == 8
    assert found["rank_correlation"]["low"] == pytest.approx(1), "resampled together, whatever the problems' order"


def test_what_the_preview_does_not_trust_is_not_compared(sweep, tmp_path):
    preview = write_preview(tmp_path, sweep)
    summary = read_json(preview / "preview.json")
    summary["points"][2]["trusted"] = {"pass@1": False}
    write_json(preview / "preview.json", summary)
    wanted = {"t_train": 0.5, "truncation": "none", "t_eval": 1.3}
    found = regret(preview, sweep, wanted, "pass@1")
    left_out = summary["points"][2]
    names = {(point["t_train"], point["t_eval"]) for point in found["points"]}
    assert names == {name for name in NAMES if name[1] > 0} - {(left_out["t_train"], left_out["t_eval"])}
    assert found["settings"] == 12


def test_across_seeds_the_best_is_picked_on_the_others():
    """Each seed's own best is a fluke of that seed: picked on the other one, it does not help."""
    flukes = {("a", "none", 1.0): ([0.9, 0.9], [0.2, 0.2]), ("b", "none", 1.0): ([0.3, 0.1], [0.8, 0.8])}
    wanted = ("c", "none", 1.0)
    trained = {name: [{"pass@1": np.array(each)} for each in seeds] for name, seeds in flukes.items()}
    trained[wanted] = [{"pass@1": np.array([0.5, 0.5])}, {"pass@1": np.array([0.5, 0.4])}]
    found = module._across_seeds(trained, wanted, "pass@1")
    assert found["seeds"] == pytest.approx([0.2 - 0.5, 0.2 - 0.45])
    single = {name: scores[:1] for name, scores in trained.items()}
    assert module._across_seeds(single, wanted, "pass@1") is None
    assert module._greedy(trained, wanted, wanted, "pass@1") is None, "no greedy student in this sweep"


def test_the_rank_correlations_interval_in_closed_form():
    """Of three problems the first alone ranks backwards; it is drawn three times in 1 of 27 resamples, or 3.7 %."""
    previewed = np.array([[3.0, 2.0, 1.0], [0.0, 10.0, 20.0], [0.0, 10.0, 20.0]])
    trained = np.tile([1.0, 2.0, 3.0], (3, 1))
    found = module._rank_correlation(previewed, trained, 0)
    assert found == {"value": 1.0, "low": pytest.approx(-1), "high": pytest.approx(1), "settings": 3}
    assert module._rank_correlation(previewed[:, :2], trained[:, :2], 0) is None


def test_a_preview_that_ranks_backwards(sweep, tmp_path):
    preview = write_preview(tmp_path, sweep, sign=-1.0)
    advice = advise(preview)
    found = regret(preview, sweep, advice["recommended"], "pass@1")
    assert found["rank_correlation"]["value"] == pytest.approx(-1)
    worst = min((name for name in NAMES if name[1] > 0), key=lambda name: mean(sweep, *name))
    assert (advice["highest"]["t_train"], advice["highest"]["t_eval"]) == worst


def test_of_settings_that_cannot_be_told_apart_the_coolest_is_recommended(sweep, tmp_path):
    advice = advise(write_preview(tmp_path, sweep, noise=0.15))
    points = {(p["t_train"], p["t_eval"]): p for p in read_json(tmp_path / "preview.json")["points"]}
    scores = {name: point["scores"]["pass@1"]["value"] for name, point in points.items()}
    highest = advice["highest"]
    assert (highest["t_train"], highest["t_eval"]) == max(scores, key=scores.__getitem__)
    equal = {(each["t_train"], each["t_eval"]) for each in (highest, *advice["cannot_be_told_from_it"])}
    assert {t_eval for _, t_eval in equal} == {0.7, 1.3}
    assert equal != set(points)
    expected = max((name for name in equal if name[1] == 0.7), key=scores.__getitem__)
    assert (advice["recommended"]["t_train"], advice["recommended"]["t_eval"]) == expected
    assert all(each["behind"]["low"] <= 0 for each in advice["cannot_be_told_from_it"])


def test_a_problem_without_a_score_is_left_out_of_advice_and_regret(sweep, tmp_path):
    """The last problem of preview and sweep has no verdict anywhere; everything is as if it were not there."""
    cells = tmp_path / "sweep"
    shutil.copytree(sweep, cells)
    for path in cells.glob("*/evaluation/*.verdicts.jsonl"):
        verdicts = list(read_records(path, Verdict))
        path.unlink()
        lost = [Verdict(each.key, Outcome.HARNESS_ERROR) for each in verdicts[-10:]]
        append_records(path, [*verdicts[:-10], *lost])
    preview = write_preview(tmp_path / "preview", sweep)
    tables = np.load(preview / "preview.npz")["pass@1"]
    tables[-1] = np.nan
    with (preview / "preview.npz").open("wb") as file:
        np.savez(file, **{"pass@1": tables})
    advice = advise(preview)
    found = regret(preview, cells, advice["recommended"], "pass@1")
    means = tables[:-1].mean(0)[:-1]
    scored = [name for name in NAMES if name[1] > 0]
    assert (advice["highest"]["t_train"], advice["highest"]["t_eval"]) == scored[int(means.argmax())]
    assert advice["chance_of_being_best"] > 0.5
    scores = {name: np.mean([passed(sweep, *name, seed)[:-1].mean() for seed in SEEDS]) for name in NAMES}
    best = max(scores, key=scores.__getitem__)
    wanted = (advice["recommended"]["t_train"], advice["recommended"]["t_eval"])
    assert (found["best"]["t_train"], found["best"]["t_eval"]) == best
    assert found["regret"]["value"] == pytest.approx(scores[best] - scores[wanted], abs=1e-6)
    assert [point["previewed"] for point in found["points"]] == pytest.approx(means.tolist())
    assert found["rank_correlation"]["value"] == pytest.approx(1)


def test_the_command_says_it_and_draws_it(sweep, tmp_path):
    preview = write_preview(tmp_path, sweep)
    done = here("advise", str(preview), "--against", str(sweep))
    assert done.returncode == 0, done.stderr
    assert "Regret" in done.stdout
    assert "Cost: 20.0 s for the preview, 6 min 40 s for the sweep, a share of 5 %." in done.stdout.replace(
        "\u00a0", " "
    )
    assert read_json(preview / "advice.json")["against"]["settings"] == 12
    page = (preview / "advice.html").read_text()
    assert page.count("<svg") == 1
    assert "T_train 0.7, none, T_eval 1.3" in page


def test_mistakes_are_one_line(sweep, tmp_path):
    preview = write_preview(tmp_path / "preview", sweep)
    with pytest.raises(UserError, match=r"no student at T_train 0\.6, truncation none, T_eval 1"):
        regret(preview, sweep, {"t_train": 0.6, "truncation": "none", "t_eval": 1.0}, "pass@1")
    with pytest.raises(UserError, match="holds no finished sweep"):
        regret(preview, tmp_path, {}, "pass@1")
    lines = (preview / "evaluation" / "problems.jsonl").read_bytes().splitlines(keepends=True)
    write_bytes(preview / "evaluation" / "problems.jsonl", b"".join(lines[:-1]))
    with pytest.raises(UserError, match="different problems"):
        regret(preview, sweep, {"t_train": 0.5, "truncation": "none", "t_eval": 0.7}, "pass@1")
