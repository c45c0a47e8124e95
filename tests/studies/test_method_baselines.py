"""SSD beside related methods: every row is a run of its own, judged by the same base."""

from __future__ import annotations

import pytest

from run.small import SMALL, command, here, run
from selfdistill.files import read_json
from selfdistill.recipe import load_recipe
from selfdistill.recipe.decoding import Decoding
from selfdistill.studies.method_baselines import cells

TINY = [part for override in SMALL for part in ("--set", override)]


@pytest.mark.slow
def test_every_method_has_a_row_with_its_cost(tmp_path):
    methods = "ssd,fixed-point,compiles,online"
    done = run(command("method-baselines", "demo", *TINY, "--methods", methods, "--jobs", "2", "--out", str(tmp_path)))
    assert done.returncode == 0, done.stderr
    table = read_json(tmp_path / "method-baselines.json")
    rows = {row["arm"]: row for row in table["arms"]}
    assert list(rows) == list(table["students"]) == methods.split(",")
    assert table["students"]["ssd"]["minus_reference"] is None
    for row in table["students"].values():
        gain = row["scores"]["pass@1"]["value"] - table["base"]["pass@1"]["value"]
        assert row["gain"]["pass@1"]["value"] == pytest.approx(gain, abs=1e-6)
        best = row["best"]["pass@1"]
        assert best["score"]["value"] >= row["scores"]["pass@1"]["value"], "the default is one of its decodings"
        gain = best["score"]["value"] - table["base_best"]["pass@1"]["value"]
        assert best["minus_base_best"]["value"] == pytest.approx(gain, abs=1e-6)
        assert set(row["greedy_gain"]) == {"pass@1", "pass@2"}
    assert table["base_best"]["pass@1"]["value"] >= table["base"]["pass@1"]["value"]
    assert rows["compiles"]["sequences"] < rows["ssd"]["sequences"] == 96
    assert rows["online"]["sequences"] == 96
    parts = [read_json(tmp_path / "online-seed-0-parts" / f"part-{n}" / "manifest.json")["recipe"] for n in (1, 2, 8)]
    assert [each["prompts"]["skip"] for each in parts] == [0, 12, 84]
    assert parts[2]["model"]["path"].endswith("part-7/student")
    decoding = read_json(tmp_path / "fixed-point-seed-0" / "manifest.json")["recipe"]["sampling"]["decoding"]
    assert decoding == {"temperature": 1.0, "top_k": 0, "top_p": 1.0}


def test_filters_and_controls_change_what_they_are_named_after():
    given = load_recipe("demo", ["sampling.max_new_tokens=48"])
    names = ["agreement", "plain", "shuffled", "fixed-point"]
    agreement, plain, shuffled, fixed = (cell.recipe for cell in cells(given, names, [3]))
    assert (agreement.training.keep, agreement.sampling.samples_per_prompt) == ("agreement", 10)
    assert agreement.sampling.decoding == given.sampling.decoding
    assert plain.sampling.decoding == Decoding(temperature=0.8)
    assert fixed.sampling.decoding == Decoding(temperature=1.0)
    assert shuffled.training.shuffled
    assert not plain.training.shuffled
    for each in (agreement, plain, shuffled, fixed):
        assert (each.seed, each.training.targets, each.sampling.max_new_tokens) == (3, "hard", 48)


def test_an_unknown_method_is_one_line(tmp_path):
    done = here("method-baselines", "demo", "--methods", "ssd,magic", "--out", str(tmp_path / "x"))
    assert done.returncode == 2
    assert "'magic' is not among them" in done.stderr
