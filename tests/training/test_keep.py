"""Filters of related methods, against Python's own compiler, ruff's rules and the grader."""

from __future__ import annotations

import pytest

from run.small import run, run_command
from selfdistill import embedded
from selfdistill.errors import UserError
from selfdistill.files import read_json, read_records
from selfdistill.recipe import load_recipe
from selfdistill.records import Prompt, Sample, Verdict
from selfdistill.training.keep import judge_samples

BODIES = {
    "right": "\n    return x + 1",
    "unused": "\n    y = 2\n    return x + 1",
    "undefined": "\n    return z + 1",
    "broken": "\n    return (x + 1",
    "nul": "\n    return '\0'",
}
PROMPTS = [Prompt(name, "def f(x):", (1,), "def f(x):") for name in BODIES]
SAMPLES = [Sample(name, 0, (1,), "stop", (), text) for name, text in BODIES.items()]


def refused(tmp_path, *changes):
    recipe = load_recipe("demo", [*changes])
    found = judge_samples(recipe, PROMPTS, SAMPLES, tmp_path / "verdicts.jsonl", chat=False)
    return {SAMPLES[index].prompt_id: reason for index, reason in found.items()}


def test_all_are_kept_by_default(tmp_path):
    assert refused(tmp_path) == {}


def test_what_does_not_compile_is_refused(tmp_path):
    found = refused(tmp_path, "training.keep=compiles")
    assert found == dict.fromkeys(("broken", "nul"), "does not compile")


def test_lint_also_refuses_unused_and_undefined_names(tmp_path):
    assert refused(tmp_path, "training.keep=lint").keys() >= {"broken", "undefined", "unused"}
    assert "right" not in refused(tmp_path, "training.keep=lint")


@pytest.mark.parametrize(("keep", "reason"), [("compiles", "does not compile"), ("lint", "lint")])
def test_an_answer_without_a_program_is_refused(tmp_path, keep, reason):
    answer = "So:\n```python\ndef f(x):\n    return x + 1\n```\n"
    texts = ("I cannot help with that.", answer, "```python\ndef f(:\n```\n")
    samples = [Sample("right", index, (1,), "stop", (), text) for index, text in enumerate(texts)]
    recipe = load_recipe("demo", [f"training.keep={keep}"])
    assert judge_samples(recipe, PROMPTS, samples, tmp_path / "v.jsonl", chat=True) == {0: reason, 2: reason}


def test_prompts_without_tests_are_refused(tmp_path):
    with pytest.raises(UserError, match="has no tests"):
        refused(tmp_path, "training.keep=passing")


def test_the_prompts_tests_fit_the_prompts():
    problems = [problem for problem, _ in zip(embedded.prompt_problems(), range(50), strict=False)]
    assert [(p.task_id, p.statement) for p in problems] == list(embedded.prompts(50))
    assert all(f"def {problem.tests.entry_point}(" in problem.statement for problem in problems)


@pytest.mark.slow
def test_only_passing_samples_are_trained_on(tmp_path):
    done = run(run_command(tmp_path / "out", "training.keep=passing"))
    assert done.returncode == 0, done.stderr
    verdicts = {v.key: v.passed for v in read_records(tmp_path / "out" / "samples.verdicts.jsonl", Verdict)}
    assert len(verdicts) == 96
    data = read_json(tmp_path / "out" / "training-data.json")
    assert data["sequences"] == sum(verdicts.values()) > 20
    assert data["dropped"]["fails its tests"] == 96 - sum(verdicts.values())
