"""The source `self`: where a user's text begins in a template, what ends it, what is a request; resumed, repeated."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from run.small import SMALL, command, run
from selfdistill.directory import RunDirectory
from selfdistill.engines.on_demand import on_demand
from selfdistill.errors import UserError
from selfdistill.files import read_json, read_records
from selfdistill.measure.diversity import first_of_near
from selfdistill.problems.render import Renderer, load_renderer
from selfdistill.problems.requests import fault, trimmed
from selfdistill.problems.user_turn import TASK, opening, openings
from selfdistill.recipe import load_recipe
from selfdistill.recipe.engine import EngineSettings
from selfdistill.recipe.model import ModelSettings
from selfdistill.recipe.prompts import PromptSettings
from selfdistill.records import Prompt, Sample
from selfdistill.run import start
from selfdistill.steps.sampling.user_turns import turns, write_turns
from tiny_models import make_model, make_tokenizer

LLAMA = (
    "{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for m in messages %}### {{ m.role }}:\n{{ m.content | trim }}\n\n{% endfor %}"
    "{% if add_generation_prompt %}### assistant:\n{% endif %}"
)
BEGIN = "Write a Python function that takes two numbers and returns"
"""So many words that what a random model adds to them is a request."""
FLAT = {"temperature": 30.0}
"""Every token is about as likely as any other: a turn of 150 bytes ends by itself almost every other time."""


def settings(**written) -> PromptSettings:
    return PromptSettings(source="self", self_written=written)


def test_a_turn_opens_as_a_rendered_prompt_does_up_to_the_users_text():
    tokenizer = make_tokenizer(chat=True)
    opened = opening(tokenizer, settings(), "Be kind.")
    real = Renderer(tokenizer, PromptSettings(source="x", template="plain", system="Be kind.")).render("HELLO")
    assert opened.text == "<|system|>Be kind.<|end|><|user|>"
    assert real.text.startswith(f"{opened.text}HELLO")
    assert opened.ends == (tokenizer.convert_tokens_to_ids("<|end|>"),)
    assert opened.stop == ()


def test_a_template_without_tokens_of_its_own_ends_a_turn_by_its_words():
    tokenizer = make_tokenizer(chat=True)
    tokenizer.chat_template = LLAMA
    opened = opening(tokenizer, settings(), "")
    assert (opened.text, opened.ends, opened.stop) == ("### user:\n", (), ("\n\n### assistant:",))
    with pytest.raises(UserError, match=r"prompts.system: .*refuses the system message"):
        opening(tokenizer, settings(), "Be kind.")


def test_turns_differ_in_topic_level_and_beginning_and_a_larger_count_only_adds():
    renderer = Renderer(make_tokenizer(chat=True), settings(count=700))
    prompts, _ = openings(renderer)
    few, _ = openings(Renderer(renderer.tokenizer, settings(count=30)))
    assert few == prompts[:30]
    assert len({prompt.text for prompt in prompts}) == 700
    assert "easy, about strings and their characters" in prompts[0].text
    assert "of medium difficulty, about strings" in prompts[60].text
    assert all(prompt.text.endswith(prompt.answer_start) for prompt in prompts)


def test_the_recipes_own_task_topics_and_beginnings_are_used():
    own = settings(count=3, task="About {topic}.", topics=["cats", "dogs"], beginnings=["", "Say"])
    prompts, _ = openings(Renderer(make_tokenizer(chat=True), own))
    assert [prompt.text for prompt in prompts] == [
        "<|system|>About cats.<|end|><|user|>",
        "<|system|>About dogs.<|end|><|user|>Say",
        "<|system|>About cats.<|end|><|user|>",
    ]
    none, _ = openings(Renderer(make_tokenizer(chat=True), settings(count=1, task="", beginnings=[""])))
    assert none[0].text == "<|user|>"


def test_a_template_that_takes_no_system_message_goes_without_unless_the_recipe_has_one():
    tokenizer = make_tokenizer(chat=True)
    tokenizer.chat_template = LLAMA
    prompts, opened = openings(Renderer(tokenizer, settings(count=2)))
    assert prompts[0].text == "### user:\nWrite a Python function that"
    assert opened.stop == ("\n\n### assistant:",)
    with pytest.raises(UserError, match="refuses the system message"):
        openings(Renderer(tokenizer, settings(task=TASK)))


def test_a_model_without_a_chat_template_is_refused():
    with pytest.raises(UserError, match="self: only a model with a chat template can write its users' turns"):
        openings(Renderer(make_tokenizer(chat=False), settings()))


def written(tmp_path: Path, name: str, *, count: int = 4, batch: int = 4, seed: int = 0) -> tuple[Path, list[Sample]]:
    model = ModelSettings(path=str(tmp_path / "model"), dtype="float32", device="cpu")
    if not (tmp_path / "model").is_dir():
        make_model(tmp_path / "model", chat=True, context=1024)
    how = settings(count=count, beginnings=[BEGIN], decoding=FLAT, max_new_tokens=150)
    path = tmp_path / name
    engine = EngineSettings(kind="transformers", batch_size=batch, shard_size=2)
    renderer, _ = load_renderer(model, how)
    prompts, opened = openings(renderer)
    with on_demand(model, engine, ends=tuple(sorted({*renderer.end_of_answer, *opened.ends}))) as load:
        write_turns(
            prompts,
            how.self_written,
            path,
            stop=opened.stop,
            engine=load,
            tokenizer=renderer.tokenizer,
            seed=seed,
            shard_size=engine.shard_size,
        )
    return path, list(read_records(path, Sample))


def test_turns_are_drawn_by_the_seed_alone_and_resumed_where_they_stopped(tmp_path):
    path, whole = written(tmp_path, "whole.jsonl")
    assert [sample.prompt_id for sample in whole] == [f"self-{n:06d}" for n in range(4)]
    assert all(sample.text.startswith(BEGIN) for sample in whole)
    assert len({sample.token_ids for sample in whole}) == 4
    torn = tmp_path / "torn.jsonl"
    torn.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:1]) + b'{"prompt_id": "self-0')
    assert written(tmp_path, "torn.jsonl")[1] == whole
    assert [s.token_ids for s in written(tmp_path, "fewer.jsonl", count=2)[1]] == [s.token_ids for s in whole[:2]]
    assert written(tmp_path, "other.jsonl", count=2, seed=1)[1][0].token_ids != whole[0].token_ids


def sample(number: int, text: str, end: str = "stop") -> Sample:
    return Sample(f"self-{number:06d}", 0, (1,), end, (0.0,), text)  # type: ignore[arg-type]


def test_what_is_no_prompt_is_named_and_a_near_copy_of_what_is_no_prompt_is_kept(tmp_path):
    path = tmp_path / "samples.jsonl"
    request = "Write a function that returns the sum of all numbers in a list of integers."
    samples = [
        sample(0, request, "length"),
        sample(1, f" {request}\n"),
        sample(2, request.replace("all", "the")),
        sample(3, "How do I count the words of a text in Python?"),
    ]
    path.write_text("".join(json.dumps({**_fields(each)}) + "\n" for each in samples))
    rows = list(turns(path, lambda texts: first_of_near(texts, 0.5)))
    assert [row["left_out"] for row in rows] == ["did not end", "", "near copy", ""]
    assert rows[1] == {"id": "self-000001", "question": request, "left_out": ""}


def _fields(each: Sample) -> dict:
    return {name: getattr(each, name) for name in Sample.__slots__}


def test_a_turn_that_goes_on_to_an_answer_is_cut_before_it(tmp_path):
    path = tmp_path / "samples.jsonl"
    asked = "Write a function that adds.\nFor example: add(1, 2) is 3."
    cut = sample(0, f"{asked}\n\n### Solution\n\nA possible implementation:\n\n", "stop_string")
    path.write_text(json.dumps(_fields(cut)) + "\n")
    assert [row["question"] for row in turns(path, lambda texts: [True] * len(texts))] == [asked]
    assert trimmed(f"{asked}\nInput:\n", cut=False) == f"{asked}\nInput:"
    assert trimmed(f"{asked}\n---\n", cut=True) == asked
    assert trimmed("Write a function that adds. Here is an example:\n\n", cut=True) == "Write a function that adds."
    assert trimmed("Write a function that adds:\n\n", cut=True) == "Write a function that adds."


FAULTS = {
    "  \n": "empty",
    "Write a function.": "too short",
    "Sure! Here is a Python function that adds two numbers.": "an answer, not a request",
    "I'm sorry, but I need the text of the exercise first.": "an answer, not a request",
    "Write a JavaScript function that adds two numbers and returns them.": "another language",
    "Write a function in C++ that adds two numbers and returns them.": "another language",
    "The cat sat on a mat all day long with its dog.": "asks for nothing",
    "Write a function to add numbers.<|im_start|>assistant I will do so.": "parts of a chat template",
    "Write a function to add two numbers.\nassistant\nIt is easy enough.": "parts of a chat template",
    "Write a function that adds. " + "It adds one number. " * 20: "repeats itself",
    "Write a function that adds:\n\ndef add(a, b):\n    return a + b\n": "holds the solution",
    "Write it:\n```python\ndef add(a, b):\n    '''Add.'''\n    return a + b\n```\n": "holds the solution",
}


@pytest.mark.parametrize("text", FAULTS)
def test_what_is_no_request_is_told_why(text):
    assert fault(text) == FAULTS[text]


@pytest.mark.parametrize(
    "text",
    [
        "Write a Python function that adds two numbers and returns the result. Example: add(1, 2) == 3.",
        "How can I write a Python function that adds two numbers?",
        "Given a list of numbers, find the two whose sum is closest to zero.",
        "Complete this function:\n```python\ndef add(a, b):\n    pass\n```\n",
        "Complete this function:\n```python\ndef add(a, b):\n    # your code here\n    ...\n```\n",
        "Port this JavaScript one-liner to Python, and return a list instead.",
        "My function has a bug, please fix it:\n\ndef add(a, b):\n    return a - b\n",
        "Write a function that sorts a list of HTTP status codes, java.util style names aside, in Python.",
    ],
)
def test_a_request_has_no_fault_but_that_it_did_not_end(text):
    assert fault(text) is None
    assert fault(text, ended=False) == "did not end"


def self_recipe(tmp_path: Path, *more: str) -> list[str]:
    make_model(tmp_path / "model", chat=True, context=1024)
    written = {"count": 24, "beginnings": [BEGIN], "decoding": FLAT, "max_new_tokens": 150}
    return [
        *SMALL,
        f"model.path={tmp_path / 'model'}",
        "prompts.source=self",
        f"prompts.self_written={json.dumps(written)}",
        "prompts.chat=auto",
        "prompts.template=plain",
        "prompts.limit=null",
        *more,
    ]


def test_a_run_begins_with_prompts_that_its_base_wrote_and_counts_the_others(tmp_path):
    recipe = load_recipe("demo", self_recipe(tmp_path))
    run = start.begin(recipe, tmp_path / "run")
    prompts = list(read_records(run.prompts, Prompt))
    counts = read_json(run.prompt_counts)
    assert counts["loaded"] == 24
    assert counts["kept"] == len(prompts) > 4
    assert counts["kept"] + sum(counts["dropped"].values()) == 24
    assert counts["dropped"]["did not end"] > 0
    assert prompts[0].text.startswith(f"<|user|>{BEGIN}")
    assert "prompts" in read_json(run.manifest)["stages"]
    before = run.prompts.read_bytes()
    assert start.begin(recipe, run.root) == RunDirectory(run.root)
    assert start.begin(recipe, tmp_path / "again").prompts.read_bytes() == before
    with pytest.raises(UserError, match=r"changed: prompts.self_written.count"):
        start.begin(load_recipe("demo", [*self_recipe(tmp_path), "prompts.self_written.count=25"]), run.root)


def test_self_is_a_part_of_a_mixture_like_any_other(tmp_path):
    other = tmp_path / "other.jsonl"
    other.write_text("".join(json.dumps({"question": f"Add {n} to it."}) + "\n" for n in range(9)))
    parts = json.dumps([{"source": "self", "weight": 2}, {"source": str(other)}])
    recipe = load_recipe("demo", self_recipe(tmp_path, "prompts.source=mixture", f"prompts.mixture={parts}"))
    run = start.begin(recipe.model_copy(update={"seed": 3}), tmp_path / "run")
    counts = read_json(run.prompt_counts)
    assert counts["sources"]["self"] in (2 * counts["sources"][str(other)], 2 * counts["sources"][str(other)] + 1)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (["model.path=embedded"], "self: only a model with a chat template"),
        (
            ["prompts.source=mixture", 'prompts.mixture=[{"source": "self"}, {"source": "none.jsonl"}]'],
            "none.jsonl: no such file",
        ),
    ],
)
def test_what_would_show_after_an_hour_shows_at_once_and_leaves_nothing(tmp_path, changes, expected):
    recipe = load_recipe("demo", [*self_recipe(tmp_path), *changes])
    with pytest.raises(UserError, match=expected):
        start.begin(recipe, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_the_command_writes_resumes_and_refuses_other_settings(tmp_path):
    recipe = [each for each in self_recipe(tmp_path) if each.startswith("prompts.self_written")]
    out = tmp_path / "prompts.jsonl"
    arguments = ["self", "--model", str(tmp_path / "model"), "--out", str(out), "--set", *recipe]
    done = run(command("prompts", *arguments, "--benchmark", "embedded"))
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert set(rows[0]) == {"id", "question", "starter_code", "source"}
    assert f"{len(rows)} of 24 are prompts" in done.stdout
    assert "dropped: did not end" in done.stdout
    assert "checked against embedded" in done.stdout
    counts = read_json(tmp_path / "prompts.jsonl.counts.json")
    assert counts["diversity"]["texts"] == len(rows)
    first = out.read_bytes()
    out.unlink()
    (tmp_path / "prompts.turns.jsonl").unlink()
    assert run(command("prompts", *arguments, "--benchmark", "embedded")).returncode == 0
    assert out.read_bytes() == first
    other = run(command("prompts", *arguments, "--seed", "1"))
    assert other.returncode == 2
    assert "holds results under other settings: seed" in other.stderr
    assert run(command("prompts", "self", "--out", str(out))).stderr.startswith("error: self: a model must write")
