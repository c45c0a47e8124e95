"""Names of tasks, and the recipe's section about them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from selfdistill.errors import UserError
from selfdistill.measure.regressions.loading import load_task
from selfdistill.problems.render import load_renderer
from selfdistill.recipe import load_recipe
from selfdistill.recipe.decoding import Decoding
from selfdistill.recipe.tasks import task
from selfdistill.run.checks import how_to_measure


@pytest.mark.parametrize(
    ("name", "form", "source", "slug"),
    [
        ("embedded-json", "problems", "embedded-json", "embedded-json"),
        ("embedded-text", "text", "embedded-text", "embedded-text"),
        ("text:notes/own.jsonl", "text", "notes/own.jsonl", "text-notes-own.jsonl"),
        ("lm-eval:hellaswag", "lm-eval", "hellaswag", "lm-eval-hellaswag"),
        ("../sets/HumanEval.jsonl.gz", "problems", "../sets/HumanEval.jsonl.gz", "sets-HumanEval.jsonl.gz"),
        ("humaneval", "problems", "humaneval", "humaneval"),
    ],
)
def test_what_a_name_stands_for(name, form, source, slug):
    found = task(name)
    assert (found.form, found.source, found.slug) == (form, source, slug)


def test_by_default_greedy_and_the_students_own_decoding_each_once():
    given = load_recipe("demo")
    found = how_to_measure(given).decodings
    assert [each.slug for each in found] == ["greedy", "T1-k20-p0.8"]
    greedy = given.evaluation.model_copy(update={"student": Decoding(temperature=0)})
    assert [each.slug for each in replace(how_to_measure(given), evaluation=greedy).decodings] == ["greedy"]


def test_a_task_named_twice_is_refused():
    with pytest.raises(UserError, match=r"checks\.regressions\.tasks .* must be a list of different tasks"):
        load_recipe("demo", ["checks.regressions.tasks=[embedded-json, embedded-json]"])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("humanevil", "no such benchmark or file"),
        ("text:none.jsonl", "no such file"),
        ("lm-eval:hellaswag", r"pip install 'selfdistill\[lm-eval\]'"),
    ],
)
def test_a_task_that_is_not_there_is_one_line(name, expected, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)  # as if lm-eval were not installed
    recipe = load_recipe("demo")
    with pytest.raises(UserError, match=expected):
        load_task(recipe.checks.regressions, "validation", name, *load_renderer(recipe.model, recipe.prompts))
