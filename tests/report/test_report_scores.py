"""Groups of problems in a report: by difficulty, easiest first, where there is anything to tell apart."""

from __future__ import annotations

import pytest

from selfdistill.measure.estimates import groups
from selfdistill.measure.evaluated import EvaluatedProblem


@pytest.mark.parametrize(
    ("difficulties", "names"),
    [
        (["hard", "easy", None, "hard"], ["all", "easy", "hard"]),
        (["hard", "unknown", "easy", "medium"], ["all", "easy", "medium", "hard", "unknown"]),
        (["easy", "easy"], ["all"]),
        (["easy", None], ["all"]),
        ([None, None], ["all"]),
    ],
)
def test_problems_are_grouped_where_there_are_several_difficulties(difficulties, names):
    found = groups([EvaluatedProblem(str(n), difficulty, "") for n, difficulty in enumerate(difficulties)])
    assert list(found) == names
    assert found["all"].all()
    for name in names[1:]:
        assert found[name].tolist() == [difficulty == name for difficulty in difficulties]
