"""The chat template, opened up to where a user's text begins: what a model continues when it writes a user's turn.

An instruct model has read so many conversations that, given what comes before a user's message, it writes one. Source:
Xu et al., Magpie (arXiv 2406.08464). The system message sets the task, and the turn's first words are given, because a
small model tends to answer where it should ask. Both change from turn to turn: one and the same opening gives the same
few questions again and again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from selfdistill.errors import UserError
from selfdistill.problems.chat import chat_text
from selfdistill.problems.topics import LEVELS, TOPICS
from selfdistill.records import Prompt

if TYPE_CHECKING:
    from selfdistill.problems.render import Renderer
    from selfdistill.recipe.prompts import PromptSettings

TASK = (
    "You are an assistant for Python. The user is a programmer and asks for one function, {level}, about {topic}: "
    "what it takes, what it returns, and an example."
)
BEGINNINGS = (
    "Write a Python function that",
    "Implement a function in Python which",
    "Given",
    "I need a Python function",
    "Write a function",
    "Create a Python class",
    "How can I write a Python function",
)
"""How a user's turns begin; their number shares no factor with those of topics and levels, so all combinations come."""
_MARK = "THE-USER-SAYS"


@dataclass(frozen=True, slots=True)
class Opening:
    """What a user's turn begins after, and what ends it."""

    text: str
    ends: tuple[int, ...]
    """The token that the template puts after a user's text, where it puts one there."""
    stop: tuple[str, ...]
    """The words that it puts there where there is no such token."""


def opening(tokenizer: Any, settings: PromptSettings, system: str) -> Opening:
    """The template's text before a user's message.

    Args:
        tokenizer: with a chat template.
        settings: the recipe's prompts section.
        system: the system message; "" for none.

    Raises:
        UserError: the template refuses the system message, or cannot be used.
    """
    text = chat_text(tokenizer, settings.model_copy(update={"system": system or None}), _MARK)
    before, _, after = text.rpartition(_MARK)
    following = after.lstrip()
    tokens = {str(token): int(token_id) for token_id, token in tokenizer.added_tokens_decoder.items()}
    end = max((token for token in tokens if token.strip() and following.startswith(token)), key=len, default=None)
    if end is not None:
        return Opening(before, (tokens[end],), ())
    return Opening(before, (), (after.rstrip(),) if after.strip() else ())


def takes_system(tokenizer: Any, settings: PromptSettings) -> bool:
    """Whether the template takes a system message.

    Raises:
        UserError: it cannot be used without one either.
    """
    opening(tokenizer, settings, "")
    try:
        opening(tokenizer, settings, TASK)
    except UserError:
        return False
    return True


def openings(renderer: Renderer) -> tuple[list[Prompt], Opening]:
    """The beginnings of all turns that are to be written, and one opening, which says how all of them end.

    Turn i is about topic i and has beginning i, each counted round and round; the level of difficulty changes when all
    topics have been had. So the first turns of a larger `count` are those of a smaller one.

    Raises:
        UserError: there is no chat template, or it cannot be used, or refuses the recipe's own task.
    """
    settings, written = renderer.settings, renderer.settings.self_written
    if not renderer.chat:
        raise UserError(
            "only a model with a chat template can write its users' turns",
            where="self",
            fix="take an instruct model, or other prompts: a file, a hub data set, repository:DIR",
        )
    tokenizer, task = renderer.tokenizer, written.task
    if task is None:
        task = TASK if takes_system(tokenizer, settings) else ""
    topics, beginnings = written.topics or TOPICS, written.beginnings or BEGINNINGS
    prompts, known = [], {}
    for number in range(written.count):
        topic, level = topics[number % len(topics)], LEVELS[number // len(topics) % len(LEVELS)]
        system = task.replace("{topic}", topic).replace("{level}", level)
        if system not in known:
            known[system] = opening(tokenizer, settings, system)
        begin = beginnings[number % len(beginnings)]
        text = known[system].text + begin
        token_ids = tuple(tokenizer(text, add_special_tokens=False)["input_ids"])
        prompts.append(Prompt(f"self-{number:06d}", text, token_ids, answer_start=begin))
    return prompts, known[system]
