"""The problems of an evaluation, rendered as prompts by the same renderer as the sampling prompts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selfdistill.embedded.problems import problems as program_problems
from selfdistill.embedded.structured import structured_problems
from selfdistill.errors import UserError
from selfdistill.problems.benchmarks import load_benchmark
from selfdistill.problems.questions import problem_prompt
from selfdistill.problems.render import Renderer
from selfdistill.records import PredictionTests, Problem, Prompt, SchemaTests
from selfdistill.seeds import digest

if TYPE_CHECKING:
    from selfdistill.recipe.evaluation import EvaluationSettings


FAMILIES = {
    "embedded": "lists",
    "embedded-scalars": "scalars",
    "embedded-strings": "strings",
    "embedded-json": "json",
}
"""Benchmarks that come inside the package, and their families of problems (docs/embedded.md)."""


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


def limited(problems: tuple[Problem, ...], limit: int | None) -> tuple[Problem, ...]:
    """A random subset in the same order, the same for every seed of a run: runs are paired problem by problem."""
    by_digest = sorted(problems, key=lambda problem: digest(0, "problems", problem.task_id))
    chosen = {problem.task_id for problem in by_digest[:limit]}
    return tuple(problem for problem in problems if problem.task_id in chosen)


def embedded_problems(family: str, split: str) -> tuple[Problem, ...]:
    """The embedded problems of one family in FAMILIES."""
    return structured_problems(split) if family == "json" else program_problems(split, family)  # type: ignore[arg-type]


def render_problem(problem: Problem, renderer: Renderer) -> Prompt:
    """A problem as the model reads it: worded as an instruction for a chat model, as it is for a base model."""
    is_program = not isinstance(problem.tests, (PredictionTests, SchemaTests))
    if renderer.chat:
        rendered = renderer.render(problem.statement, instruction=problem_prompt(problem), is_program=is_program)
    elif problem.program_prefix:
        rendered = renderer.render(problem.statement, instruction=problem.statement, is_program=is_program)
    else:
        rendered = renderer.render(problem.statement, problem.starter_code, is_program=is_program)
    return Prompt(
        problem.task_id,
        rendered.text,
        rendered.token_ids,
        problem.statement,
        answer_start=rendered.answer_start,
    )


def check_lengths(prompts: list[Prompt], context: int) -> None:
    """Refuse problems that leave no room for an answer: dropping them would change the benchmark.

    Raises:
        UserError: names the first such problem.
    """
    for prompt in prompts:
        if len(prompt.token_ids) >= context:
            raise UserError(
                f"problem {prompt.prompt_id} has {len(prompt.token_ids)} tokens; the model's context is {context}",
                where="evaluation.benchmark",
                fix="use a model with a longer context",
            )
