"""The structured-text family as problems that the evaluation can grade: write a JSON document to a schema."""

from __future__ import annotations

from selfdistill.embedded.problems import EvaluationSplit, json_problems
from selfdistill.records import Problem, SchemaTests


def structured_problems(split: EvaluationSplit) -> tuple[Problem, ...]:
    """`json_problems`, with the schema as the test. The completion is the document."""
    return tuple(
        Problem(
            task_id=problem.task_id,
            statement=problem.statement,
            tests=SchemaTests(problem.schema),
            difficulty=problem.difficulty,
            reference=problem.reference,
        )
        for problem in json_problems(split)
    )
