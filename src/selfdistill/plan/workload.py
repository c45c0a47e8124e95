"""How much a run has to do: what an estimate is made for."""

from __future__ import annotations

from dataclasses import dataclass

BENCHMARK_SIZES = {"livecodebench-v6": 131, "livecodebench-v5": 374, "humaneval": 164, "mbpp": 500, "embedded": 800}
"""Problems in the evaluation, where that cannot be read here."""


@dataclass(frozen=True, slots=True)
class Workload:
    """How much there is to do; what the recipe leaves open is the user's to say."""

    prompts: int
    problems: int
    systems: int
    prompt_tokens: float
    completion_tokens: float
    """The mean; the largest unknown of all."""
