"""The problems of an evaluation: the recipe's benchmark, cut to its window and its limit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selfdistill.errors import UserError
from selfdistill.problems.benchmarks import limited, load_benchmark
from selfdistill.problems.embedded_benchmarks import FAMILIES, embedded_problems
from selfdistill.records import Problem

if TYPE_CHECKING:
    from selfdistill.recipe.evaluation import EvaluationSettings


def load_problems(settings: EvaluationSettings) -> tuple[Problem, ...]:
    """The benchmark of a recipe's evaluation section, cut to its dates and its limit, in the benchmark's order.

    Raises:
        UserError: no such benchmark or file, a broken line, or nothing left.
    """
    if settings.benchmark in FAMILIES:
        problems = embedded_problems(FAMILIES[settings.benchmark], settings.split)
    else:
        problems = load_benchmark(settings.benchmark, since=settings.since, until=settings.until)
    problems = limited(problems, settings.limit)
    if not problems:
        raise UserError("the benchmark has no problem in this window", where=settings.benchmark)
    return problems
