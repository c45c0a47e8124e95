"""Asking the model itself for inputs: one more completion a prompt, read like a statement's examples.

What it writes is data: only calls of the function with literal arguments are used, and nothing of it is run here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from selfdistill.agreement.asked import asked_of
from selfdistill.errors import UserError
from selfdistill.records import Prompt

if TYPE_CHECKING:
    from selfdistill.problems.render import Renderer
    from selfdistill.recipe.training import TrainingSettings

_CALLS = """Here is a programming problem, which you are not to solve.

{statement}

Do not write a solution. Write ten different calls of `{name}` that would try a solution out: ordinary arguments and \
edge cases that the problem allows, all of them literals, one call a line, without results."""
_RUNS = """Here is a programming problem, which you are not to solve.

{statement}

Do not write a solution. Write five different inputs that a solution could read from standard input, ordinary ones and \
edge cases that the problem allows. Put the line "Input:" before each and the line "Output" after each, without \
results."""


def asks_for_inputs(training: TrainingSettings) -> bool:
    """Whether the model is asked at all."""
    return training.keep == "agreement" and "model" in training.agreement.inputs


def input_prompts(renderer: Renderer, prompts: Sequence[Prompt], context: int) -> list[Prompt]:
    """The prompts that ask for inputs, under the ids of the prompts that they are for.

    Args:
        renderer: the model's.
        prompts: those that are sampled.
        context: the model's context in tokens; what leaves no room for an answer in it is not asked.

    Raises:
        UserError: the model has no chat template.
    """
    require_chat(renderer)
    asking = (_asking(renderer, prompt) for prompt in prompts)
    return [prompt for prompt in asking if len(prompt.token_ids) < context]


def require_chat(renderer: Renderer) -> None:
    """Refuse a model that continues texts and does not answer questions.

    Raises:
        UserError: the model has no chat template.
    """
    if not renderer.chat:
        raise UserError(
            "this model has no chat template, so it cannot be asked for inputs",
            where="training.agreement.inputs",
            fix="leave out model",
        )


def _asking(renderer: Renderer, prompt: Prompt) -> Prompt:
    asked = asked_of(prompt.statement, prompt.starter_code)
    words = _RUNS if asked.entry_point is None else _CALLS
    text = words.format(name=asked.entry_point, statement=asked.text.strip())
    rendered = renderer.render(prompt.statement, instruction=text, is_program=False)
    return replace(
        prompt, text=rendered.text, token_ids=rendered.token_ids, continuation="", answer_start=rendered.answer_start
    )
