"""Structured text: what is no JSON, what does not fit, and documents made to hurt."""

from __future__ import annotations

import itertools

import pytest

from selfdistill import embedded
from selfdistill.embedded.structured import structured_problems
from selfdistill.grading import Submission, grade
from selfdistill.grading.documents import judge_document
from selfdistill.records import Outcome, SchemaTests

SCHEMA = {
    "type": "object",
    "properties": {"age": {"type": "integer", "minimum": 3}},
    "required": ["age"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("text", "outcome", "detail"),
    [
        ('{"age": 4}', Outcome.PASSED, ""),
        ('\n  {"age": 4}\n', Outcome.PASSED, ""),
        ('{"age": 2}', Outcome.WRONG_ANSWER, "minimum at $.age"),
        ('{"age": "4"}', Outcome.WRONG_ANSWER, "type at $.age"),
        ('{"age": 4, "b": 1}', Outcome.WRONG_ANSWER, "additionalProperties at $"),
        ("[]", Outcome.WRONG_ANSWER, "type at $"),
        ("", Outcome.SYNTAX_ERROR, "JSONDecodeError"),
        ('{"age": 4} and more', Outcome.SYNTAX_ERROR, "JSONDecodeError"),
        ('{"age": NaN}', Outcome.SYNTAX_ERROR, "ValueError"),
        ('{"age": Infinity}', Outcome.SYNTAX_ERROR, "ValueError"),
        ("[" * 100_000, Outcome.SYNTAX_ERROR, "RecursionError"),
        ('{"age": ' + "9" * 5_000 + "}", Outcome.SYNTAX_ERROR, "ValueError"),
    ],
)
def test_verdicts(text, outcome, detail):
    assert judge_document(text, SCHEMA) == (outcome, detail)


def test_references_pass_through_the_grader_and_others_documents_do_not():
    problems = structured_problems("validation")[:40]
    own = [Submission(f"own {p.task_id}", p.reference, p.tests) for p in problems]
    wrong = [Submission(f"wrong {p.task_id}", other.reference, p.tests) for p, other in itertools.pairwise(problems)]
    verdicts = {verdict.key: verdict for verdict in grade([*own, *wrong], isolation="process")}
    assert all(verdict.passed == key.startswith("own") for key, verdict in verdicts.items())
    assert embedded.json_problems("validation")[0].schema == problems[0].tests.schema


def test_a_problem_of_structured_text_can_be_read_from_a_file(tmp_path):
    from selfdistill.files import record_line
    from selfdistill.problems.benchmarks import load_benchmark

    path = tmp_path / "own.jsonl"
    path.write_bytes(b"".join(map(record_line, structured_problems("validation")[:3])))
    assert [p.tests for p in load_benchmark(str(path))] == [p.tests for p in structured_problems("validation")[:3]]
    assert isinstance(load_benchmark(str(path))[0].tests, SchemaTests)
