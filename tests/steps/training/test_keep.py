"""Filters of related methods, against Python's own compiler, ruff's rules and the grader."""

from __future__ import annotations

import json

import pytest

from run.small import run, run_command
from selfdistill import embedded
from selfdistill.errors import UserError
from selfdistill.files import append_records, read_json, read_records
from selfdistill.recipe import load_recipe
from selfdistill.records import Prompt, Sample, Verdict
from selfdistill.steps.training.keep import judge_samples

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
    found = judge_samples(
        recipe.training,
        recipe.evaluation.grading,
        recipe.prompts.source,
        PROMPTS,
        SAMPLES,
        tmp_path / "verdicts.jsonl",
        chat=False,
    )
    return {SAMPLES[index].prompt_id: reason for index, reason in found.items()}


def test_all_are_kept_by_default(tmp_path):
    assert refused(tmp_path) == {}


def test_what_does_not_compile_is_refused(tmp_path):
    found = refused(tmp_path, "training.keep=compiles")
    assert found == dict.fromkeys(("broken", "nul"), "does not compile")


def test_what_would_compile_for_hours_is_refused(tmp_path):
    """Each `finally` block is compiled twice, and so is what stands in it."""
    text = (
        "".join(f"\n{' ' * depth}try: pass\n{' ' * depth}finally:" for depth in range(1, 20)) + "\n" + " " * 20 + "pass"
    )
    samples = [Sample("right", 0, (1,), "stop", (), text), SAMPLES[0]]
    recipe = load_recipe("demo", ["training.keep=compiles"])
    grading, source = recipe.evaluation.grading, recipe.prompts.source
    found = judge_samples(recipe.training, grading, source, PROMPTS, samples, tmp_path / "verdicts.jsonl", chat=False)
    assert found == {0: "does not compile"}


def test_lint_also_refuses_unused_and_undefined_names(tmp_path):
    assert refused(tmp_path, "training.keep=lint").keys() >= {"broken", "undefined", "unused"}
    assert "right" not in refused(tmp_path, "training.keep=lint")


@pytest.mark.parametrize(("keep", "reason"), [("compiles", "does not compile"), ("lint", "lint")])
def test_an_answer_without_a_program_is_refused(tmp_path, keep, reason):
    answer = "So:\n```python\ndef f(x):\n    return x + 1\n```\n"
    texts = ("I cannot help with that.", answer, "```python\ndef f(:\n```\n")
    samples = [Sample("right", index, (1,), "stop", (), text) for index, text in enumerate(texts)]
    recipe = load_recipe("demo", [f"training.keep={keep}"])
    assert judge_samples(
        recipe.training,
        recipe.evaluation.grading,
        recipe.prompts.source,
        PROMPTS,
        samples,
        tmp_path / "v.jsonl",
        chat=True,
    ) == {0: reason, 2: reason}


def test_prompts_without_tests_are_refused(tmp_path):
    with pytest.raises(UserError, match="prompt right has no tests"):
        refused(tmp_path, "training.keep=passing", "prompts.source=mine.jsonl")


def test_the_prompts_tests_fit_the_prompts():
    problems = [problem for problem, _ in zip(embedded.prompt_problems(), range(50), strict=False)]
    assert [(p.task_id, p.statement) for p in problems] == list(embedded.prompts(50))
    assert all(f"def {problem.tests.entry_point}(" in problem.statement for problem in problems)


def test_the_verifier_is_asked_once_about_every_sample(tmp_path):
    tests = "def check(candidate):\n    assert candidate(2) == 3\n"
    rows = [{"task_id": each.prompt_id, "prompt": each.statement, "entry_point": "f", "test": tests,
             "canonical_solution": BODIES["right"]} for each in PROMPTS]  # fmt: skip
    verifier = tmp_path / "verifier.jsonl"
    verifier.write_text("".join(json.dumps(row) + "\n" for row in rows))
    lines = ["training.keep=passing", f"training.verifier={verifier}", "evaluation.grading.isolation=process"]
    expected = dict.fromkeys(("undefined", "broken", "nul"), "fails its tests")
    assert refused(tmp_path, *lines) == expected
    verdicts = list(read_records(tmp_path / "verdicts.jsonl", Verdict))
    assert {verdict.key: verdict.passed for verdict in verdicts} == {
        f"{name}/0": name not in expected for name in BODIES
    }
    (tmp_path / "verdicts.jsonl").unlink()
    append_records(tmp_path / "verdicts.jsonl", verdicts[:2])
    assert refused(tmp_path, *lines) == expected
    again = list(read_records(tmp_path / "verdicts.jsonl", Verdict))
    assert again[:2] == verdicts[:2]
    assert sorted(verdict.key for verdict in again) == sorted(f"{name}/0" for name in BODIES)


def test_lint_of_faultless_programs_refuses_none(tmp_path):
    recipe = load_recipe("demo", ["training.keep=lint"])
    assert (
        judge_samples(
            recipe.training,
            recipe.evaluation.grading,
            recipe.prompts.source,
            PROMPTS[:1],
            SAMPLES[:1],
            tmp_path / "v.jsonl",
            chat=False,
        )
        == {}
    )


@pytest.mark.slow
def test_only_passing_samples_are_trained_on(tmp_path):
    done = run(run_command(tmp_path / "out", "training.keep=passing"))
    assert done.returncode == 0, done.stderr
    verdicts = {v.key: v.passed for v in read_records(tmp_path / "out" / "samples.verdicts.jsonl", Verdict)}
    assert len(verdicts) == 96
    data = read_json(tmp_path / "out" / "training-data.json")
    assert data["sequences"] == sum(verdicts.values()) > 20
    assert data["dropped"]["fails its tests"] == 96 - sum(verdicts.values())
