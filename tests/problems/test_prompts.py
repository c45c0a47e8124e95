"""Prompts: sources against real files and data sets, deduplication, subsets, rendering against the tokenizer itself."""

from __future__ import annotations

import json

import datasets
import pyarrow
import pytest
from pyarrow import parquet

from selfdistill.errors import UserError
from selfdistill.problems.prepare import prepare_prompts
from selfdistill.problems.render import Renderer
from selfdistill.problems.sources import read_statements
from selfdistill.problems.templates import apply_template
from selfdistill.recipe.prompts import Columns, PromptSettings
from tiny_models import make_tokenizer

ROWS = [
    {"key": "a", "text": "Add  two\nnumbers.", "header": ""},
    {"key": "b", "text": "Add two numbers. ", "header": ""},
    {"key": "c", "text": "Sort a list.", "header": "def solve(xs):"},
    {"key": "d", "text": "   ", "header": ""},
    {"key": "e", "text": "x" * 300, "header": ""},
    {"key": "f", "text": None, "header": None},
]
COLUMNS = Columns(statement="text", id="key", starter_code="header")


def settings(source, **changes) -> PromptSettings:
    return PromptSettings(source=str(source), **{"columns": COLUMNS, "template": "plain", **changes})


def write_jsonl(path, rows=ROWS):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def write_parquet(path):
    parquet.write_table(pyarrow.Table.from_pylist(ROWS), path)
    return path


def save_to_disk(path):
    datasets.DatasetDict({"train": datasets.Dataset.from_list(ROWS)}).save_to_disk(str(path))
    return path


def directory_of_parquet(path):
    path.mkdir()
    parquet.write_table(pyarrow.Table.from_pylist(ROWS), path / "train-00000.parquet")
    return path


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("rows.jsonl", write_jsonl),
        ("rows.parquet", write_parquet),
        ("saved", save_to_disk),
        ("folder", directory_of_parquet),
    ],
)
def test_every_kind_of_source_gives_the_same_prompts(tmp_path, monkeypatch, name, make):
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    source = make(tmp_path / name)
    renderer = Renderer(make_tokenizer(chat=False), settings(source, max_tokens=100))
    prompts, counts = prepare_prompts(renderer, seed=0, context=512)
    assert [(prompt.prompt_id, prompt.text) for prompt in prompts] == [
        ("a", "Add  two\nnumbers."),
        ("c", "Sort a list."),
    ]
    assert (counts.loaded, counts.kept) == (6, 2)
    assert counts.dropped == {"empty": 2, "duplicate": 1, "too long": 1}


def test_duplicates_stay_where_the_recipe_keeps_them_and_ids_stay_unique(tmp_path):
    rows = [{"question": "Same."}, {"question": "Same."}, {"question": "Other."}]
    source = write_jsonl(tmp_path / "r.jsonl", rows)
    renderer = Renderer(
        make_tokenizer(chat=False), PromptSettings(source=str(source), template="plain", deduplicate=False)
    )
    prompts, counts = prepare_prompts(renderer, seed=0, context=99)
    assert [prompt.text for prompt in prompts] == ["Same.", "Same.", "Other."]
    assert len({prompt.prompt_id for prompt in prompts}) == 3
    assert counts.dropped == {}


def test_a_limit_draws_a_subset_by_the_seed_and_keeps_the_order(tmp_path):
    source = write_jsonl(tmp_path / "r.jsonl", [{"question": f"Problem {n}"} for n in range(50)])
    renderer = Renderer(make_tokenizer(chat=False), PromptSettings(source=str(source), template="plain", limit=10))
    first, counts = prepare_prompts(renderer, seed=0, context=99)
    again, _ = prepare_prompts(renderer, seed=0, context=99)
    other, _ = prepare_prompts(renderer, seed=1, context=99)
    numbers = [int(prompt.statement.split()[1]) for prompt in first]
    assert first == again != other
    assert numbers == sorted(numbers)
    assert len(numbers) == 10
    assert counts.dropped == {"over the limit": 40}


def test_a_prompt_renders_as_the_chat_template_says_with_its_system_message():
    tokenizer = make_tokenizer(chat=True)
    renderer = Renderer(tokenizer, PromptSettings(source="x", system="Be brief."))
    rendered = renderer.render("Sort a list.", "def solve(xs):")
    message = apply_template("function", "Sort a list.", "def solve(xs):")
    assert "def solve(xs):" in message
    assert rendered.text == f"<|system|>Be brief.<|end|><|user|>{message}<|end|><|assistant|>"
    expected = tokenizer.apply_chat_template(
        [{"role": "system", "content": "Be brief."}, {"role": "user", "content": message}],
        add_generation_prompt=True,
        return_dict=False,
    )
    assert list(rendered.token_ids) == expected


def test_a_base_model_reads_the_statement_as_it_is():
    tokenizer = make_tokenizer(chat=True)
    renderer = Renderer(tokenizer, PromptSettings(source="x", template="plain", chat="never"))
    rendered = renderer.render("# sort\ndef f(x):\n")
    assert rendered.text == "# sort\ndef f(x):\n"
    assert tokenizer.decode(list(rendered.token_ids)) == rendered.text


def test_templates():
    assert apply_template("auto", "S", "") == apply_template("stdin", "S")
    assert apply_template("auto", "S", "def f():") == apply_template("function", "S", "def f():")
    assert "standard input" in apply_template("stdin", "S")
    assert "{" not in apply_template("function", "S")
    assert apply_template("stdin", "literal {braces} stay").count("{braces}") == 1


def test_a_demanded_chat_template_must_exist():
    renderer = Renderer(make_tokenizer(chat=False), PromptSettings(source="x", chat="always"))
    with pytest.raises(UserError, match="has no chat template"):
        renderer.render("x")


def test_broken_sources_name_file_and_line(tmp_path):
    broken = tmp_path / "broken.jsonl"
    broken.write_text('{"question": "fine"}\n{"question": \n')
    with pytest.raises(UserError, match=r"broken.jsonl:2: not valid JSON"):
        list(read_statements(PromptSettings(source=str(broken))))
    with pytest.raises(UserError, match=r"rows.jsonl:1: no column question; there are: key, text, header"):
        list(read_statements(PromptSettings(source=str(write_jsonl(tmp_path / "rows.jsonl")))))
    not_parquet = tmp_path / "x.parquet"
    not_parquet.write_text("hello")
    with pytest.raises(UserError, match="not a Parquet file"):
        list(read_statements(PromptSettings(source=str(not_parquet))))
    with pytest.raises(UserError, match="no such file"):
        list(read_statements(PromptSettings(source=str(tmp_path / "none.jsonl"))))
    listed = tmp_path / "list.jsonl"
    listed.write_text("[1, 2]\n")
    with pytest.raises(UserError, match=r"list.jsonl: row 1: not an object"):
        list(read_statements(PromptSettings(source=str(listed))))


def test_a_data_set_that_cannot_be_loaded_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="cannot load this data set") as caught:
        list(read_statements(PromptSettings(source=str(tmp_path / "empty"))))
    assert "\n" not in str(caught.value)


def test_nothing_left_says_why(tmp_path):
    renderer = Renderer(make_tokenizer(chat=False), settings(write_jsonl(tmp_path / "r.jsonl"), max_tokens=3))
    with pytest.raises(UserError, match="no prompt is left of 6"):
        prepare_prompts(renderer, seed=0, context=99)
    empty = tmp_path / "empty.jsonl"
    empty.write_text("")
    with pytest.raises(UserError, match="the data set is empty"):
        prepare_prompts(Renderer(make_tokenizer(chat=False), PromptSettings(source=str(empty))), seed=0, context=99)


def test_a_prefill_is_prompt_and_begins_the_answer():
    tokenizer = make_tokenizer(chat=True)
    renderer = Renderer(tokenizer, settings("unused", prefill="```python\n"))
    rendered = renderer.render("Add.")
    assert rendered.text == "<|user|>Add.<|end|><|assistant|>```python\n"
    assert rendered.token_ids == tuple(tokenizer(rendered.text, add_special_tokens=False)["input_ids"])
    assert rendered.answer_start == "```python\n"
    assert renderer.render("Add.", is_program=False).answer_start == ""
    plain = Renderer(tokenizer, settings("unused", prefill="    ", chat="never")).render("def f():\n")
    assert (plain.text, plain.answer_start) == ("def f():\n    ", "    ")


def test_a_thought_that_the_template_opens_begins_the_answer(tmp_path):
    tokenizer = make_tokenizer(chat=True)
    tokenizer.chat_template += "{% if add_generation_prompt %}<think>\n{% endif %}"
    renderer = Renderer(tokenizer, settings(write_jsonl(tmp_path / "p.jsonl")))
    assert renderer.render("Add.").answer_start == "<think>\n"
    prompts, _ = prepare_prompts(renderer, seed=0, context=1000)
    assert {prompt.answer_start for prompt in prompts} == {"<think>\n"}
