"""Several rounds: who samples, who is trained, on which prompts; and what is watched."""

from __future__ import annotations

import pytest

from run.small import SMALL, command, run
from selfdistill.engines.stream import Contexts
from selfdistill.files import read_json, read_records
from selfdistill.recipe import load_recipe
from selfdistill.records import Prompt, Sample
from selfdistill.run import start
from selfdistill.run.sampling import sample
from selfdistill.steps.sampling.targets import read_targets
from selfdistill.studies.rounds import measure_certainty

TINY = [part for override in SMALL for part in ("--set", override)]


def rounds(tmp_path, *overrides):
    sets = [part for override in overrides for part in ("--set", override)]
    return run(command("rounds", "demo", *TINY, *sets, "--rounds", "2", "--out", str(tmp_path)))


def samples(tmp_path, number):
    return {each.prompt_id: each for each in read_records(tmp_path / f"round-{number}" / "samples.jsonl", Sample)}


def test_every_round_draws_from_streams_of_its_own(tmp_path):
    """Same base, same prompts: were the first round's numbers drawn again, so would be its samples."""
    source = tmp_path / "prompts.jsonl"
    source.write_text("".join(f'{{"question": "# task {n}\\ndef f(x):"}}\n' for n in range(8)))
    lines = [*SMALL, f"prompts.source={source}", "sampling.decoding.temperature=1.5", "sampling.decoding.top_p=1"]
    drawn = {}
    for number in (1, 2, 3):
        recipe = load_recipe("demo", [*lines, f"rounds.number={number}"])
        directory = start.begin(recipe, tmp_path / f"round-{number}")
        sample(recipe, directory)
        drawn[number] = [sample.token_ids for sample in read_records(directory.samples, Sample)]
    for one, other in ((1, 2), (1, 3), (2, 3)):
        same = sum(first == second for first, second in zip(drawn[one], drawn[other], strict=True))
        assert same <= 2, f"rounds {one} and {other}"


@pytest.mark.slow
def test_a_later_round_trains_the_last_student_and_mixes_in_what_it_should(tmp_path):
    done = rounds(tmp_path, "rounds.mix_first=0.5")
    assert done.returncode == 0, done.stderr
    second = read_json(tmp_path / "round-2" / "manifest.json")["recipe"]
    assert second["model"]["path"] == str(tmp_path / "round-1" / "student")
    one, two = samples(tmp_path, 1), samples(tmp_path, 2)
    assert one.keys() == two.keys()
    kept = [key for key in one if one[key] == two[key]]
    assert 0.3 < len(kept) / len(one) < 0.7
    targets = [dict(zip(each, read_targets(tmp_path / f"round-{n}" / "targets"), strict=True))
               for n, each in ((1, one), (2, two))]  # fmt: skip
    for key in kept:
        assert (targets[0][key].probabilities == targets[1][key].probabilities).all()
    table = read_json(tmp_path / "rounds.json")
    assert [row["round"] for row in table["rounds"]] == [0, 1, 2]
    summary = read_json(tmp_path / "round-2" / "summary.json")
    student = next(s for s in summary["systems"] if s["model"] == "student" and "default" in s["roles"])
    assert table["rounds"][2]["scores"]["pass@1"]["value"] == pytest.approx(
        student["scores"]["pass@1"]["all"]["value"], abs=1e-6
    )
    before = next(s for s in summary["systems"] if s["model"] == "base" and "default" in s["roles"])
    first = read_json(tmp_path / "round-1" / "summary.json")
    earlier = next(s for s in first["systems"] if s["model"] == "student" and "default" in s["roles"])
    assert before["scores"]["pass@1"]["all"]["value"] == earlier["scores"]["pass@1"]["all"]["value"]


@pytest.mark.slow
def test_fresh_prompts_and_samples_of_the_first_base(tmp_path):
    done = rounds(tmp_path, "rounds.prompts=fresh", "rounds.sample_from=base")
    assert done.returncode == 0, done.stderr
    ids = [{p.prompt_id for p in read_records(tmp_path / f"round-{n}" / "prompts.jsonl", Prompt)} for n in (1, 2)]
    assert len(ids[0]) == len(ids[1]) == 96
    assert not ids[0] & ids[1]
    second = read_json(tmp_path / "round-2" / "manifest.json")["recipe"]
    assert second["sampling"]["model"] == "embedded"
    assert second["model"]["path"].endswith("round-1/student")


def test_the_base_keeps_its_own_support_as_far_as_top_p_says(tmp_path):
    recipe = load_recipe("demo", ["model.device=cpu"])
    contexts = [Contexts((260, 274, 385, 278), (9, 62, 260, 442, 9, 385, 10, 0))]
    entropy, kept_mass = measure_certainty(recipe.model, "embedded", recipe.sampling.decoding, contexts)
    assert 0 < kept_mass <= 1
    whole = load_recipe("demo", ["sampling.decoding.top_k=0", "sampling.decoding.top_p=1"])
    same, everything = measure_certainty(recipe.model, "embedded", whole.sampling.decoding, contexts)
    assert everything == pytest.approx(1, abs=1e-5)
    assert same == pytest.approx(entropy)


def test_mixing_needs_the_same_prompts(tmp_path):
    done = rounds(tmp_path / "x", "rounds.prompts=fresh", "rounds.mix_first=0.5")
    assert done.returncode == 2
    assert "mix_first needs prompts: same" in done.stderr
