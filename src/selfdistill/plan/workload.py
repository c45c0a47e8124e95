"""How much a run has to do: what an estimate is made for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from selfdistill.steps.evaluation.systems import System

BENCHMARK_SIZES = {"livecodebench-v6": 131, "livecodebench-v5": 374, "humaneval": 164, "mbpp": 500, "embedded": 800}
"""Problems in the evaluation, where that cannot be read here."""


@dataclass(frozen=True, slots=True)
class Workload:
    """How much there is to do; what the recipe leaves open is the user's to say."""

    prompts: int
    problems: int
    prompt_tokens: float
    completion_tokens: float
    """The mean; the largest unknown of all."""
    systems: int = 0
    """That are put side by side."""
    greedy: int = 0
    """Of the systems: they answer each problem once."""

    def of(self, systems: Sequence[System]) -> Workload:
        """With these systems."""
        return replace(self, systems=len(systems), greedy=sum(system.stages[-1].greedy for system in systems))


def mean_completion(limit: int) -> float:
    """Tokens of an answer on average, where nobody has measured it: most of a short limit, and less of a long one."""
    return min(0.9 * limit, 100 + 0.4 * limit, 4000.0)
