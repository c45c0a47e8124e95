"""Count verdicts: by problem for pass@k, by outcome, by the rule of answers.

A harness error is neither right nor wrong: it is counted as an outcome only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import get_args

import numpy as np

from selfdistill.measure.statistics import pass_at_k_scores
from selfdistill.records import Answers, Outcome, Verdict

RULES: tuple[Answers, ...] = get_args(Answers)


@dataclass(frozen=True, slots=True)
class Tally:
    """What was counted."""

    judged: Counter[str] = field(default_factory=Counter)
    """Programs with a verdict that is not a harness error, by problem."""
    passed: Counter[str] = field(default_factory=Counter)
    """Programs that passed, by problem."""
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    passed_under: Counter[Answers] = field(default_factory=Counter)
    """Programs that could be taken in two ways and passed, by rule; empty where there are none."""

    def scores(self, task_ids: Sequence[str], k: int) -> np.ndarray:
        """pass@k of these problems, (problems,); NaN where fewer than k programs were judged."""
        judged, passed = ([counts[task_id] for task_id in task_ids] for counts in (self.judged, self.passed))
        return pass_at_k_scores(judged, passed, k)


def tally(verdicts: Iterable[Verdict]) -> Tally:
    """Count verdicts with keys `task_id/index`."""
    found = Tally()
    for verdict in verdicts:
        found.outcomes[verdict.outcome] += 1
        if verdict.answers is not None:
            for rule in RULES:
                found.passed_under[rule] += verdict.passes(rule)
        if verdict.outcome is not Outcome.HARNESS_ERROR:
            found.judged[verdict.task_id] += 1
            found.passed[verdict.task_id] += verdict.passed
    return found
