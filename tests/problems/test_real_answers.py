"""The 2,921 answers of a real model: how many pass under each rule, against counts that were made by other means."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path

import pytest

from selfdistill.grading import grade
from selfdistill.grading.answers import Answer, grade_answers
from selfdistill.problems.benchmarks import load_benchmark
from selfdistill.problems.programs.extract import answer_of
from selfdistill.records import Outcome

EXPECTED = {
    "base": {("he", "needed"): 902, ("he", "whole"): 874, ("mbpp", "needed"): 585, ("mbpp", "whole"): 577},
    "student": {("he", "needed"): 886, ("he", "whole"): 716, ("mbpp", "needed"): 589, ("mbpp", "whole"): 569},
}


@pytest.mark.slow
@pytest.mark.parametrize("model", ["base", "student"])
def test_counts_of_real_answers(model: str, shared_dir: Path, sandbox_works: None) -> None:
    data = shared_dir / "data"
    path = data / "qwen2.5-coder-0.5b-answers" / f"{model}.jsonl.gz"
    if not path.is_file():
        pytest.skip("no answers of a real model here")
    files = {"he": "HumanEval.jsonl.gz", "mbpp": "sanitized-mbpp.json"}
    problems = {b: {p.task_id: p for p in load_benchmark(str(data / file))} for b, file in files.items()}

    def answers() -> list[Answer]:
        found = []
        for line in gzip.decompress(path.read_bytes()).splitlines():
            row = json.loads(line)
            task_id = row["task_id"] if row["task_id"] in problems[row["bench"]] else f"MBPP/{row['task_id']}"
            problem = problems[row["bench"]][task_id]
            key = f"{row['bench']} {task_id} {row['i']}"
            found.append(answer_of(problem, row["completion"], key, chat=True, answers="needed", rules="judge"))
        return found

    passed: Counter[tuple[str, str]] = Counter()
    for verdict in grade_answers(answers(), grade):
        bench = verdict.key.split()[0]
        whole = verdict.outcome if verdict.other is None else verdict.other
        assert not (whole is Outcome.PASSED and not verdict.passed), verdict  # what is dropped was not needed
        passed[bench, "needed"] += verdict.passed
        passed[bench, "whole"] += whole is Outcome.PASSED
    assert passed == EXPECTED[model]
