"""The preview against what it stands for: real two-stage decoding of the base, on the same problems."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from run.small import here
from selfdistill.directory import RunDirectory
from selfdistill.files import append_records, read_json, read_records
from selfdistill.measure.evaluated import read_problems, read_systems
from selfdistill.measure.statistics import pass_at_k
from selfdistill.recipe import load_recipe
from selfdistill.records import Outcome, Sample, Verdict
from selfdistill.run.integrity import seal
from selfdistill.studies import preview as module
from selfdistill.studies.grid import Grid, Truncation
from selfdistill.studies.preview import Setting, preview, proposals_of, settings_of

SETS = (
    "evaluation.limit=24",
    "evaluation.split=validation",
    "evaluation.max_new_tokens=64",
    "evaluation.samples_per_problem=6",
)
GRID = Grid((0.7, 1.0), (Truncation(20, 0.8),), (0.7, 1.0), (0,))


@pytest.fixture(scope="module")
def previewed(tmp_path_factory):
    out = tmp_path_factory.mktemp("preview")
    return preview(load_recipe("demo", SETS), GRID, out), out


def test_programs_are_drawn_under_the_hottest_sampling_decoded_cool_and_hot():
    cut, whole = Truncation(20, 0.8), Truncation(0, 1.0)
    grid = Grid((0.5, 1.0, 0.7), (cut, whole), (0.0, 1.3, 0.7, 1.0), (0,))
    settings = settings_of(grid)
    assert len(settings) == 18, "greedy is one and the same for all"
    expected = [Setting(1.0, each, t_eval) for each in (cut, whole) for t_eval in (0.7, 1.3)]
    assert proposals_of(settings) == expected
    own = [Setting(0.5, cut, 0.2), Setting(0.9, cut, 0.6), Setting(0.9, cut, 0.8), Setting(0.9, cut, 1.0)]
    assert proposals_of([*own, Setting(1.2, whole, 1.1)]) == [own[1], own[3], Setting(1.2, whole, 1.1)]


def test_a_programs_weight_is_what_the_engine_drew_it_with(previewed):
    _, out = previewed
    recipe = load_recipe("demo", SETS)
    directory = RunDirectory(out)
    proposal = proposals_of(settings_of(GRID))[0]
    system = next(path for path in (out / "evaluation").glob(f"*T{proposal.t_train:g}*-T{proposal.t_eval:g}*.samples*"))
    samples = list(read_records(system, Sample))[:40]
    scored = module._logprobs(recipe, samples, [proposal], lambda **_: None)
    assert np.allclose(scored[:, 0], [sum(sample.logprobs) for sample in samples], atol=2e-3)
    assert directory.manifest.is_file()


@pytest.mark.slow
def test_weighted_scores_agree_with_decoding_in_two_stages(previewed, tmp_path):
    """A setting that nothing was drawn under, against programs that were really drawn under it."""
    summary, _ = previewed
    drawn = Grid((0.7,), (Truncation(20, 0.8),), (0.7, 1.0), (0,))
    direct = preview(load_recipe("demo", [*SETS, "evaluation.samples_per_problem=30", "seed=5"]), drawn, tmp_path)
    for t_eval in (0.7, 1.0):
        weighed, real = (
            next(p for p in s["points"] if (p["t_train"], p["t_eval"]) == (0.7, t_eval)) for s in (summary, direct)
        )
        assert weighed["effective"]["pass@1"] > module.TRUSTED
        assert real["scores"]["pass@1"]["value"] == pytest.approx(weighed["scores"]["pass@1"]["value"], abs=0.12)
    assert summary["greedy"]["pass@1"]["value"] == direct["greedy"]["pass@1"]["value"]


def test_equal_compositions_get_equal_scores():
    """Lemma B.1: on a fixed support only the product of the temperatures counts."""
    wide = Truncation(3, 1.0)
    settings = [Setting(0.5, wide, 1.2), Setting(1.2, wide, 0.5)]
    recipe = load_recipe("demo", [*SETS, "evaluation.grid.top_k=0", "evaluation.grid.top_p=1"])
    sample = Sample("validation/lists/0000", 0, (260, 274, 0), "stop", (), "")
    scored = module._logprobs(load_recipe("demo", ["evaluation.split=validation", "evaluation.limit=null",
        "evaluation.grid.top_k=0", "evaluation.grid.top_p=1"]), [sample], settings, lambda **_: None)  # fmt: skip
    assert recipe.evaluation.grid.top_p == 1
    first, second = scored[0]
    assert (np.isneginf(first) and np.isneginf(second)) or first == pytest.approx(second, abs=1e-4)


def test_programs_without_a_verdict_are_neither_right_nor_wrong(previewed, tmp_path):
    """One harness error of a drawn setting leaves its problem fewer draws; one of greedy leaves it without a score."""
    _, out = previewed
    shutil.copytree(out, tmp_path / "copy")
    directory = RunDirectory(tmp_path / "copy")
    recipe = load_recipe("demo", SETS)
    problem = read_problems(directory)[3].task_id
    system, *_, greedy = read_systems(directory)
    lost = {system.name: {f"{problem}/0"}, greedy.name: {f"{problem}/{n}" for n in range(6)}}
    lost[greedy.name].add(f"{read_problems(directory)[5].task_id}/5")  # one of six programs that are all the same
    for name, keys in lost.items():
        path = directory.system_verdicts(name)
        verdicts = list(read_records(path, Verdict))
        path.unlink()
        append_records(path, [Verdict(v.key, Outcome.HARNESS_ERROR) if v.key in keys else v for v in verdicts])
    seal(directory, "evaluation")
    summary = preview(recipe, GRID, directory.root)
    verdicts = {v.key: v for v in read_records(directory.system_verdicts(system.name), Verdict)}
    kept = [v.passed for k, v in verdicts.items() if k.startswith(f"{problem}/") and v.outcome.value != "harness error"]
    table = np.load(directory.root / "preview.npz")["pass@5"]
    before = np.load(out / "preview.npz")["pass@5"]
    own = settings_of(GRID).index(proposals_of(settings_of(GRID))[0])
    assert len(kept) == 5
    assert table[3, own] == pytest.approx(pass_at_k(5, sum(kept), 5))
    assert np.isnan(table[3, -1])
    np.testing.assert_array_equal(np.delete(table, 3, 0)[:, [own, -1]], np.delete(before, 3, 0)[:, [own, -1]])
    assert summary["greedy"]["pass@1"]["value"] == pytest.approx(np.delete(before[:, -1], 3).mean())
    assert all(point["trusted"]["pass@1"] for point in summary["points"])
    assert [point["t_eff"] for point in summary["points"]] == pytest.approx([0.49, 0.7, 0.7, 1.0])
    assert summary["proposals"] == [
        f"T 1, top-k 20, top-p 0.8 → T {t_eval}, top-k 20, top-p 0.8" for t_eval in ("0.7", "1")
    ]
    assert summary["programs"] == 3 * 24 * 6, "of two proposals and greedy"


def test_advice_needs_a_preview_and_says_how_sure_it_is(previewed, tmp_path):
    _, out = previewed
    done = here("advise", str(out))
    assert done.returncode == 0, done.stderr
    advice = read_json(out / "advice.json")
    assert 0 < advice["chance_of_being_best"] <= 1
    best = advice["highest"]["scores"]["pass@1"]["value"]
    assert best == max(point["scores"]["pass@1"]["value"] for point in read_json(out / "preview.json")["points"])
    assert {each["recipe"]: round(each["t_eff"], 3) for each in advice["paper"]}["qwen3-4b-instruct"] == 1.76
    none = here("advise", str(tmp_path))
    assert none.returncode == 2
    assert "selfdistill preview" in none.stderr
