"""Every benchmark's own solutions pass, and mutated ones fail."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from selfdistill.grading import Limits, Submission, grade
from selfdistill.problems.benchmarks import load_benchmark
from selfdistill.problems.programs.extract import assemble_program
from selfdistill.records import AssertTests, Problem
from tests.problems.mutants import is_wrong, mutants

pytestmark = pytest.mark.usefixtures("sandbox_works")

GOLD = [
    ("HumanEval.jsonl.gz", {}, 164),
    pytest.param("sanitized-mbpp.json", {}, 427, marks=pytest.mark.slow),
    pytest.param("cruxeval.jsonl", {"target": "output"}, 800, marks=pytest.mark.slow),
    pytest.param("cruxeval.jsonl", {"target": "input"}, 800, marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("file", "options", "count"), GOLD)
def test_gold_passes(file: str, options: dict[str, Any], count: int, shared_dir: Path) -> None:
    problems = load_benchmark(str(shared_dir / "data" / file), **options)
    submissions = [Submission(problem.task_id, problem.reference, problem.tests) for problem in problems]
    failed = [verdict for verdict in grade(submissions, limits=Limits(seconds_per_test=30.0)) if not verdict.passed]
    assert not failed
    assert len(problems) == count


@pytest.mark.slow
def test_mutants_fail(shared_dir: Path) -> None:
    """At least three wrong mutants of each HumanEval solution, shown wrong by plain Python first."""
    problems = load_benchmark(str(shared_dir / "data" / "HumanEval.jsonl.gz"))
    with ThreadPoolExecutor(2) as pool:
        found = dict(zip((p.task_id for p in problems), pool.map(_wrong_mutants, problems), strict=True))
    assert {task_id: len(programs) for task_id, programs in found.items() if len(programs) < 3} == {}
    tests = {problem.task_id: problem.tests for problem in problems}
    submissions = [
        Submission(f"{task_id}/{i}", program, tests[task_id])
        for task_id, programs in found.items()
        for i, program in enumerate(programs)
    ]
    assert [v for v in grade(submissions, limits=Limits(seconds_per_test=10.0)) if v.passed] == []


def _wrong_mutants(problem: Problem) -> list[str]:
    assert isinstance(problem.tests, AssertTests)
    assert problem.reference is not None
    script, entry_point = problem.tests.script, problem.tests.entry_point or ""
    candidates = mutants(problem.reference, entry_point)
    return list(islice((m for m in candidates if is_wrong(m, script, entry_point)), 3))


def test_raw_and_chat_completions_of_gold_pass(shared_dir: Path) -> None:
    problems = load_benchmark(str(shared_dir / "data" / "HumanEval.jsonl.gz"))[30:60]
    submissions = []
    for problem in problems:
        assert problem.reference is not None
        body = problem.reference.removeprefix(problem.program_prefix)
        only_function = problem.program_prefix.split(f"def {problem.tests.entry_point}", 1)[1] + body  # type: ignore[union-attr]
        answer = f"Sure.\n```python\ndef {problem.tests.entry_point}{only_function}```\nDone."  # type: ignore[union-attr]
        submissions += [
            Submission(f"{problem.task_id}/raw", assemble_program(problem, body, chat=False), problem.tests),
            Submission(f"{problem.task_id}/chat", assemble_program(problem, answer, chat=True), problem.tests),
        ]
    assert [verdict for verdict in grade(submissions) if not verdict.passed] == []
