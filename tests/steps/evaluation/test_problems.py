"""The problems of an evaluation: which ones, how a model reads them, and whether they leave room for an answer."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from selfdistill import embedded
from selfdistill.errors import UserError
from selfdistill.problems.benchmarks import limited, load_problems
from selfdistill.problems.embedded_benchmarks import FAMILIES, embedded_problems
from selfdistill.problems.prompted import check_lengths
from selfdistill.problems.prompted import render_problem as render
from selfdistill.problems.render import Renderer
from selfdistill.recipe import load_recipe
from selfdistill.recipe.prompts import PromptSettings
from selfdistill.records import AssertTests, CallTests, Problem, Prompt
from tiny_models import make_tokenizer

PLAIN = Problem("plain", "Add two numbers.", CallTests("add", ()), starter_code="def add(a, b):")
PREFIXED = Problem("prefixed", "def add(a, b):\n", AssertTests(""), program_prefix="def add(a, b):\n")


def renderer(*, chat: bool, template: str = "function") -> Renderer:
    return Renderer(make_tokenizer(chat=chat), PromptSettings(source="embedded", template=template))


def ids(problems) -> set[str]:
    return {problem.task_id for problem in problems}


def test_a_limit_takes_a_subset_in_the_benchmarks_order_for_every_seed():
    problems = tuple(replace(PLAIN, task_id=f"t{n}") for n in range(50))
    assert limited(problems, None) == problems
    assert limited(problems, 80) == problems
    chosen = limited(problems, 10)
    assert len(chosen) == 10
    assert [problem for problem in problems if problem in chosen] == list(chosen)
    assert chosen != problems[:10]
    assert ids(chosen) < ids(limited(problems, 20)), "more problems are the same ones and others"
    assert limited(problems[::-1], 10) == chosen[::-1], "it does not depend on the file's order"


def test_a_recipes_limit_is_the_same_for_every_seed():
    one, other = (
        load_problems(load_recipe("demo", ["evaluation.limit=12", f"seed={seed}"]).evaluation) for seed in (0, 1)
    )
    assert one == other
    assert len(one) == 12
    for split in ("test", "validation"):
        whole = load_problems(load_recipe("demo", ["evaluation.limit=null", f"evaluation.split={split}"]).evaluation)
        assert whole == embedded.problems(split, "lists")


def test_every_embedded_family_is_its_own():
    found = {name: embedded_problems(family, "test") for name, family in FAMILIES.items()}
    families = [ids(problems) for problems in found.values()]
    assert sum(map(len, families)) == len(set().union(*families)) > 1000
    strings = load_problems(
        load_recipe("demo", ["evaluation.benchmark=embedded-strings", "evaluation.limit=5"]).evaluation
    )
    assert ids(strings) < ids(found["embedded-strings"])


def test_dates_choose_and_a_window_without_a_problem_is_refused(tmp_path):
    rows = [
        {"question_title": str(n), "question_content": "Print 1.", "platform": "atcoder", "question_id": f"q{n}",
         "contest_id": "c", "contest_date": f"2025-0{n + 1}-15T00:00:00", "starter_code": "", "difficulty": "easy",
         "public_test_cases": json.dumps([{"input": "", "output": "1", "testtype": "stdin"}]),
         "private_test_cases": "[]", "metadata": "{}"}
        for n in range(4)
    ]  # fmt: skip
    path = tmp_path / "problems.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))

    def between(since: str, until: str) -> list[str]:
        window = [f"evaluation.since={since}", f"evaluation.until={until}"]
        recipe = load_recipe("demo", [f"evaluation.benchmark={path}", *window])
        return [problem.task_id.removeprefix("LiveCodeBench/") for problem in load_problems(recipe.evaluation)]

    assert between("2025-02-01", "2025-04-01") == ["q1", "q2"], "as YAML writes dates, without quotes"
    assert between("2025-02-15", "2025-04-15") == ["q1", "q2"], "the first date is in it, the last one is not"
    with pytest.raises(UserError, match="no problems are left"):
        between("2026-01-01", "2026-02-01")


def test_a_chat_model_is_asked_and_another_one_goes_on():
    asked = render(PREFIXED, renderer(chat=True))
    assert asked.text.startswith("<|user|>Complete the Python function below.")
    assert asked.text.endswith("<|assistant|>")
    goes_on = render(PREFIXED, renderer(chat=False))
    assert goes_on.text == "def add(a, b):\n", "no template's words before code that is to be gone on with"
    worded = render(PLAIN, renderer(chat=False))
    assert worded.text.index("Add two numbers.") < worded.text.index("def add(a, b):")
    for prompt, problem in ((asked, PREFIXED), (goes_on, PREFIXED), (worded, PLAIN)):
        assert (prompt.prompt_id, prompt.statement) == (problem.task_id, problem.statement)
        assert list(prompt.token_ids) == make_tokenizer(chat=True)(prompt.text)["input_ids"]


def test_a_problem_must_leave_room_for_one_token():
    prompts = [Prompt("short", "", (1,) * 3), Prompt("full", "", (1,) * 8)]
    check_lengths(prompts, 9)
    with pytest.raises(UserError, match="problem full has 8 tokens; the model's context is 8"):
        check_lengths(prompts, 8)
