"""Arms of an experiment: what a file of them may hold, what their table says, and what a part of it leaves behind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from run.small import SMALL, command, run
from selfdistill.errors import UserError
from selfdistill.files import read_json
from selfdistill.measure.scores import ScoreTables
from selfdistill.recipe import load_recipe
from selfdistill.recipe.decoding import Decoding
from selfdistill.steps.evaluation.systems import make_systems
from selfdistill.studies.arm import cells_of, read_arms
from selfdistill.studies.arm_table import arm_scores

TINY = [part for override in SMALL for part in ("--set", override)]
WARM, GREEDY = (Decoding(temperature=0.7),), (Decoding(temperature=0),)
ARMS = """\
hot: {title: hot samples, set: {sampling.decoding: {temperature: 1.3}}}
slow:
  needs: patience
  set: {training.learning_rate: 1.0e-5, training.epochs: 2}
"""


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_an_arm_is_the_recipe_with_its_keys_replaced(tmp_path):
    recipe = load_recipe("demo")
    arms = read_arms(write(tmp_path / "arms.yaml", ARMS))
    assert [(name, arm.title, arm.needs) for name, arm in arms.items()] == [
        ("hot", "hot samples", "nothing"),
        ("slow", "slow", "patience"),
    ]
    cells = {cell.name: cell.recipe for cell in cells_of(recipe, arms, [0, 7], "arms.yaml")}
    assert list(cells) == ["hot-seed-0", "slow-seed-0", "hot-seed-7", "slow-seed-7"], "all arms of a seed first"
    assert recipe.sampling.decoding.top_k == 20
    assert cells["hot-seed-7"].sampling.decoding == Decoding(temperature=1.3), "the whole key, no truncation left"
    assert cells["hot-seed-7"].training == recipe.training
    assert (cells["slow-seed-7"].training.learning_rate, cells["slow-seed-7"].training.epochs) == (1e-5, 2)
    assert cells["slow-seed-7"].sampling == recipe.sampling
    assert cells["slow-seed-7"].seed == 7


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: {set: {sampling.decodin.temperature: 1}}", "arm a: unknown key sampling.decodin"),
        ("a: {}\nb: {set: {training.learning_rate: 2}}", "arm b: training.learning_rate is 2, must be"),
        ("a: {training.epochs: 2}", "arms.yaml:1: a: unknown key training.epochs"),
        ("a: {}\nb: [1]", "arms.yaml:2: b: an arm is a mapping"),
        ("a: {set: 3}", "a: an arm is a mapping with `set"),
        ("a: {}\nb: {set: {model.path: other}}", "arms.yaml:2: b: an arm cannot change model.path: all arms"),
        ("a: {set: {evaluation: {}}}", "an arm cannot change evaluation: all arms"),
        ("a/b: {}", "an arm's name is a directory's too"),
        ("..: {}", "an arm's name is a directory's too"),
        ("- a", "a file of arms is a mapping"),
        ("a: {}\na: {}", "a"),
    ],
)
def test_a_mistake_in_a_file_of_arms_names_its_place(tmp_path, text, said):
    path = write(tmp_path / "arms.yaml", text)
    with pytest.raises(UserError) as fault:
        cells_of(load_recipe("demo"), read_arms(path), [0], str(path))
    assert said in str(fault.value)
    assert "arms.yaml" in str(fault.value)


def scored(base: list[float], student: list[float], greedy: list[float]) -> ScoreTables:
    """A run on two problems of one set and two of another."""
    columns = {("base", WARM): base, ("base", GREEDY): [0, 1, 0, 1], ("student", WARM): student,
               ("student", GREEDY): greedy}  # fmt: skip
    systems = make_systems([(m, stages, "default" if stages == WARM else "grid") for m, stages in columns])
    return ScoreTables(
        Path("run"), systems, ("he/1", "he/2", "mb/1", "mb/2"), {"pass@1": np.array([*columns.values()]).T}
    )


def test_an_arm_is_compared_with_the_base_of_its_own_seeds():
    runs = {
        "one": {0: scored([0, 0, 0, 1], [1, 0, 0, 1], [1, 1, 0, 1]), 1: scored([0.5] * 4, [1, 1, 1, 1], [0, 1, 0, 1])},
        "two": {1: scored([0.5] * 4, [0, 0.5, 0, 0.5], [0, 0, 0, 0])},
    }
    found = arm_scores(runs, "one", ["pass@1"])
    assert found["base"]["pass@1"]["seeds"] == [0.25, 0.5]
    assert found["base_greedy"]["pass@1"]["value"] == 0.5
    assert (found["base_best"]["pass@1"]["title"], found["base_best"]["pass@1"]["value"]) == ("base, greedy", 0.5)
    one, two = found["students"]["one"], found["students"]["two"]
    assert one["gain"]["pass@1"]["seeds"] == [0.25, 0.5]
    assert two["gain"]["pass@1"]["seeds"] == [-0.25], "of seed 1 alone, whose base scores 0.5"
    assert one["greedy_gain"]["pass@1"]["seeds"] == [0.25, 0.0]
    assert one["best"]["pass@1"]["minus_base_best"]["seeds"] == [0.0, 0.5], "its own warm decoding, against greedy"
    assert one["minus_reference"] is None
    assert two["minus_reference"]["pass@1"]["seeds"] == [-0.75]
    assert arm_scores(runs, "two", ["pass@1"])["students"]["one"]["minus_reference"] is None, "seed 0 has no other"


@pytest.mark.slow
def test_what_is_finished_is_in_the_table_and_the_same_command_continues(tmp_path):
    lost, fast = "{prompts.source: nowhere.jsonl}", "{training.learning_rate: 0.001}"
    text = f"cool: {{title: cool}}\nlost: {{set: {lost}}}\nfast: {{set: {fast}}}\n"
    arms = write(tmp_path / "arms.yaml", text)
    out = tmp_path / "out"
    study = command("arms", "demo", *TINY, "--arms", str(arms), "--out", str(out))
    done = run(study)
    assert done.returncode == 2, done.stderr
    assert "warning: lost-seed-0: nowhere.jsonl" in done.stderr
    assert "arms.yaml: could not be run: lost-seed-0 (" in done.stderr
    table = read_json(out / "arms.json")
    assert [row["arm"] for row in table["arms"]] == ["cool", "fast"]
    assert "cool" in (out / "arms.html").read_text()
    assert (out / "cool-seed-0" / "samples.jsonl").stat().st_ino == (
        out / "fast-seed-0" / "samples.jsonl"
    ).stat().st_ino
    student = (out / "cool-seed-0" / "student" / "model.safetensors").stat().st_mtime_ns
    done = run([*study, "--only", "fast,cool", "--seeds", "2"])
    assert done.returncode == 0, done.stderr
    again = read_json(out / "arms.json")
    assert [(row["arm"], row["seeds"]) for row in again["arms"]] == [("cool", [0, 1]), ("fast", [0, 1])]
    assert again["reference"] == "cool"
    for arm in ("cool", "fast"):
        seeds = again["students"][arm]["scores"]["pass@1"]["seeds"]
        assert seeds[0] == table["students"][arm]["scores"]["pass@1"]["seeds"][0]
    assert (out / "cool-seed-0" / "student" / "model.safetensors").stat().st_mtime_ns == student
    assert again["sets"] == {}, "one set of problems"
    arms.write_text(arms.read_text().replace("0.001", "0.002"))
    done = run([*study, "--only", "cool"])
    assert done.returncode == 0, done.stderr
    assert [row["arm"] for row in read_json(out / "arms.json")["arms"]] == ["cool"], "the other is another arm now"
