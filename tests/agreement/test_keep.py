"""What `training.keep: agreement` keeps of real programs, run in the sandbox, and what it refuses to begin with."""

from __future__ import annotations

import pytest

from run.small import command, run, run_command
from selfdistill.agreement.keep import find_agreements, has_group, refused_samples, statistics
from selfdistill.agreement.records import Agreement
from selfdistill.errors import UserError
from selfdistill.files import append_records, read_json, read_records
from selfdistill.recipe import load_recipe
from selfdistill.records import Prompt, Sample

KEEP = ("training.keep=agreement", "training.targets=hard", "evaluation.grading.workers=1")
ASKED = "def f(x: int):\n    # Add one, as in f(1) == 2.\n"
BODIES = (
    "    return x - 1",
    "    return x + 1",
    "    y = x\n    return 1 + y",
    "    return (x + 1",
    "    return x + 1.0",
    "    while True: pass",
    "    return missing",
    "    return missing",
    "    return missing",
)
PROMPTS = [Prompt("add", ASKED, (1,), ASKED), Prompt("talk", "Say it.", (1,), "Say it.")]
ENDS = {("add", 1): "length"}
SAMPLES = [
    Sample(prompt.prompt_id, index, (1,), ENDS.get((prompt.prompt_id, index), "stop"), (), text)
    for prompt in PROMPTS
    for index, text in enumerate(BODIES)
]


def recipe(*changes):
    count = f"sampling.samples_per_prompt={len(BODIES)}"
    return load_recipe("demo", [*KEEP, count, "training.agreement.seconds=1.0", *changes])


def agreed(given, prompts, samples, path, **how):
    settings, grading = given.training.agreement, given.evaluation.grading
    find_agreements(settings, grading, prompts, samples, path, seed=given.seed, **how)


def found(path, given, prompts=PROMPTS, samples=SAMPLES, **how):
    agreed(given, prompts, samples, path, chat=False, **how)
    return {record.key: record for record in read_records(path, Agreement)}


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    return found(tmp_path_factory.mktemp("agreement") / "samples.agreement.jsonl", recipe())


def refused(records, *changes):
    return refused_samples(recipe(*changes).training.agreement, SAMPLES, records)


def test_programs_that_give_the_same_form_a_group(records):
    record = records["add"]
    assert record.groups == ((1, 2, 4), (0,))
    assert record.failures == {"does not compile": 1, "stopped": 1}
    assert record.inputs[0] == "(1,)"
    assert record.sources["examples"] == 1
    assert (record.samples, record.programs) == (9, 7)
    assert 1 <= record.seconds < 20


def test_one_of_the_largest_group_is_kept_and_rather_one_that_ended(records):
    reasons = refused(records, "training.agreement.min_share=0.3")
    assert sorted(set(range(9)) - reasons.keys()) == [2]
    assert reasons[1] == "of the largest group, not chosen"
    assert reasons[0] == "outside the largest group"
    assert reasons[9] == "no inputs to agree on"


def test_all_of_the_largest_group_can_be_kept(records):
    reasons = refused(records, "training.agreement.min_share=0.3", "training.agreement.choose=all")
    assert sorted(set(range(9)) - reasons.keys()) == [1, 2, 4]


@pytest.mark.parametrize(
    ("changes", "kept"),
    [
        (("min_share=0.33",), True),
        (("min_share=0.34",), False),
        (("min_share=0", "min_size=3"), True),
        (("min_share=0", "min_size=4"), False),
    ],
)
def test_a_group_must_be_large_enough(records, changes, kept):
    settings = recipe(*(f"training.agreement.{change}" for change in changes)).training.agreement
    assert has_group(records["add"], settings) is kept
    reasons = refused_samples(settings, SAMPLES, records)
    assert (set(map(reasons.get, range(9))) == {"too few agree"}) is not kept


def test_the_statistics_count_prompts_samples_and_programs(records):
    settings = recipe("training.agreement.min_share=0.3").training.agreement
    assert statistics(records, settings) == {
        "prompts": 2,
        "with_inputs": 1,
        "with_group": 1,
        "inputs": records["add"].sources,
        "largest_groups": {"0": 1, "3": 1},
        "without_outputs": {"does not compile": 1, "stopped": 1},
        "programs": 7,
    }


def test_only_what_is_missing_is_run(tmp_path, records):
    path = tmp_path / "samples.agreement.jsonl"
    known = Agreement("add", ("(7,)",), {"examples": 1}, ((8,),), {}, 9, 1, 0.5)
    append_records(path, [known])
    assert found(path, recipe()) == {"add": known, "talk": records["talk"]}


def test_a_chat_answer_is_called_with_leetcodes_imports_where_it_fills_starter_code(tmp_path):
    question = "Root.\n\nInput:\n  `x` (float): At least 1.\n\nOutput:\n  `return` (float): Its root."
    prompt = Prompt("root", "", (1,), question, starter_code="def main_solution(x):\n")
    texts = (
        "```python\ndef main_solution(x):\n    return sqrt(x)\n```",
        "```python\nmain_solution = lambda x: x**.5\n```",
    )
    samples = [Sample("root", index, (1,), "stop", (), text) for index, text in enumerate(texts)]
    path = tmp_path / "a.jsonl"
    agreed(recipe(), [prompt], samples, path, chat=True)
    (record,) = read_records(path, Agreement)
    assert record.groups == ((0, 1),)


def test_the_models_own_inputs_are_used(tmp_path):
    asking = recipe("training.agreement.inputs=[model]", "prompts.chat=auto")
    record = found(tmp_path / "a.jsonl", asking, written={"add": "f(5)\nf(6)\nand f(x)"})["add"]
    assert record.inputs == ("(5,)", "(6,)")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (("training.targets=soft",), "keep: agreement needs targets: hard"),
        (("sampling.samples_per_prompt=1",), "of 1 samples a prompt no 2 can agree"),
        (("training.agreement.inputs=[model]",), "needs prompts.chat: auto or always"),
        (("training.agreement.inputs=[]",), "a list of sources"),
    ],
)
def test_recipes_in_which_nothing_can_agree_are_refused(changes, message):
    with pytest.raises(UserError, match=message):
        load_recipe("demo", [*KEEP, "sampling.samples_per_prompt=4", *changes])


@pytest.mark.slow
def test_a_run_trains_on_agreeing_samples_and_says_so(tmp_path):
    sizes = ("sampling.samples_per_prompt=4", "prompts.limit=24", "evaluation.samples_per_problem=4")
    done = run(run_command(tmp_path / "out", *KEEP, *sizes))
    assert done.returncode == 0, done.stderr
    data = read_json(tmp_path / "out" / "training-data.json")
    assert data["sequences"] == data["agreement"]["with_group"] > 5
    assert data["sequences"] + sum(data["dropped"].values()) == 96
    assert read_json(tmp_path / "out" / "manifest.json")["stages"]["agree"]["programs"] == data["agreement"]["programs"]
    page = (tmp_path / "out" / "report.html").read_text()
    assert "give the same outputs as most others" in page
    assert "prompts have a group that is large enough" in page
    check_decoding(tmp_path / "out")


def check_decoding(root):
    """`selfdistill agreement` on the run's own evaluation: its numbers, its page, and that it repeats them."""
    assert "Would choosing among several answers" not in (root / "report.html").read_text()
    done = run(command("agreement", str(root)))
    assert done.returncode == 0, done.stderr
    found = read_json(root / "agreement.json")
    assert "It costs 4 samples a problem." in done.stdout
    assert "Would choosing among several answers" in (root / "report.html").read_text()
    scores = {each["name"]: each["scores"]["pass@1"] for each in read_json(root / "summary.json")["systems"]}
    for row in found["rows"]:
        assert row["rivals"]["one sample"]["value"] == pytest.approx(scores[row["system"]]["all"]["value"], abs=1e-6)
        gain = row["agreement"]["value"] - row["rivals"]["base, greedy"]["value"]
        assert row["differences"]["base, greedy"]["value"] == pytest.approx(gain, abs=2e-6)
    assert not any(row["system"].endswith("greedy") for row in found["rows"])
    again = run(command("agreement", str(root)))
    assert again.stdout == done.stdout
