"""A benchmark's problems as prompts, by the same renderer as the sampling prompts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selfdistill.errors import UserError
from selfdistill.problems.questions import problem_prompt
from selfdistill.records import PredictionTests, Problem, Prompt, SchemaTests

if TYPE_CHECKING:
    from selfdistill.problems.render import Renderer


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
