"""The structured-text family: references fit their schemas, spoilt documents do not, splits do not meet."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import jsonschema

from selfdistill import embedded
from selfdistill.embedded import documents
from selfdistill.grading.documents import judge_document
from selfdistill.records import Outcome


def fits(problem: embedded.JsonProblem, completion: str) -> bool:
    return judge_document(completion, problem.schema)[0] is Outcome.PASSED


def test_references_fit():
    for split in ("validation", "test"):
        problems = embedded.json_problems(split)
        assert len(problems) == 150
        for problem in problems:
            jsonschema.Draft202012Validator.check_schema(problem.schema)
            assert fits(problem, problem.reference)


def test_another_problems_document_does_not_fit():
    problems = embedded.json_problems("test")
    fitting = [fits(one, other.reference) for one, other in pairwise(problems)]
    assert not any(fitting)


def test_what_is_not_json_does_not_fit():
    problem = embedded.json_problems("test")[0]
    for completion in ("", "\n", "{", "null", problem.reference + " x", problem.reference.replace('"', "'")):
        assert not fits(problem, completion)


def test_spoilt_documents_mostly_do_not_fit():
    problems = embedded.json_problems("validation")
    fitting = sum(fits(p, documents.spoil(p.reference, Random(p.task_id))) for p in problems)
    assert fitting < 0.35 * len(problems)


def test_splits_do_not_meet():
    statements = [{problem.statement for problem in embedded.json_problems(split)} for split in ("validation", "test")]
    prompts = {prompt for _, prompt in embedded.json_prompts(1_000)}
    assert len(prompts) == 1_000
    assert not statements[0] & statements[1]
    assert not prompts & (statements[0] | statements[1])
