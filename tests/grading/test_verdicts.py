"""Programs on which graders disagree: our rule sets against an ordinary judge and LiveCodeBench's harness."""

from __future__ import annotations

from pathlib import Path

import pytest

from selfdistill.grading import Limits, grade
from tests.grading import corpus

pytestmark = pytest.mark.usefixtures("sandbox_works")


@pytest.mark.parametrize("rules", ["judge", "livecodebench"])
def test_rules_agree_with_what_they_stand_for(rules: str, shared_dir: Path) -> None:
    rows = corpus.rows(shared_dir / "grader" / "verdicts.jsonl")
    submissions = [corpus.submission(key, row) for key, row in rows.items()]
    verdicts = {v.key: v for v in grade(submissions, limits=Limits(seconds_per_test=3.0), rules=rules)}  # type: ignore[arg-type]
    wanted = {key: row[rules] for key, row in rows.items() if row[rules] != "?"}
    assert {key: "pass" if verdicts[key].passed else "fail" for key in wanted} == wanted
