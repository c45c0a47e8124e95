"""Rendering and tokenising, in one place for sampling, training and evaluation.

A prompt becomes text and token ids exactly once; every later stage uses the ids. (A prompt whose last characters are
tokenised another way than in training gives a model that answers nothing right.)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from selfdistill.errors import UserError
from selfdistill.models.configs import context_length, load_config
from selfdistill.models.paths import is_local
from selfdistill.models.tokenizers import read_tokenizer
from selfdistill.problems.chat import chat_text, end_of_answer
from selfdistill.problems.programs.thoughts import opened_thought
from selfdistill.problems.templates import apply_template

if TYPE_CHECKING:
    from selfdistill.recipe.model import ModelSettings
    from selfdistill.recipe.prompts import PromptSettings

_OWN_TOKENIZER = "take the tokenizer that belongs to these weights"


def load_renderer(model: ModelSettings, settings: PromptSettings) -> tuple[Renderer, int]:
    """The model's renderer, and its context in tokens.

    Raises:
        UserError: the model cannot be found or has no tokenizer, or one of another model; or the chat template cannot
            be used.
    """
    if model.revision is not None and is_local(model.path):
        raise UserError(
            f"{model.path} is a directory or file here: it has no revision {model.revision}",
            where="model.revision",
            fix="leave it out; only models of the hub have revisions",
        )
    tokenizer = read_tokenizer(model.path, model.revision)
    config = load_config(model.path, model.revision)
    renderer = Renderer(tokenizer, settings)
    _require_embeddings(renderer, getattr(config.get_text_config(decoder=True), "vocab_size", None), model.path)
    return renderer, context_length(config)


def _require_embeddings(renderer: Renderer, embeddings: int | None, where: str) -> None:
    """Refuse a tokenizer that gives ids which the model does not have: in its vocabulary, or in a rendered prompt."""
    shown = renderer.render("x").token_ids
    if not shown:
        raise UserError("the tokenizer makes no token of a text", where=where, fix=_OWN_TOKENIZER)
    largest = max(renderer.tokenizer.vocab_size - 1, *shown)
    if embeddings is not None and largest >= embeddings:
        raise UserError(
            f"the tokenizer gives the token id {largest}, and the model has only {embeddings} tokens",
            where=where,
            fix=_OWN_TOKENIZER,
        )


@dataclass(frozen=True, slots=True)
class Rendered:
    """A prompt as the model reads it."""

    text: str
    token_ids: tuple[int, ...]
    answer_start: str = ""
    """What the text already says of the answer: a thought that the template opens, the recipe's prefill."""


@dataclass(frozen=True, slots=True)
class Renderer:
    """A tokenizer with the recipe's choice of template, chat template and system message."""

    tokenizer: Any
    settings: PromptSettings

    @property
    def chat(self) -> bool:
        """Whether the chat template is applied.

        Raises:
            UserError: the recipe demands a chat template that the tokenizer does not have.
        """
        has_template = bool(getattr(self.tokenizer, "chat_template", None))
        if self.settings.chat == "always" and not has_template:
            raise UserError("the tokenizer has no chat template", where="prompts.chat", fix="set prompts.chat: never")
        return has_template and self.settings.chat != "never"

    @property
    def end_of_answer(self) -> tuple[int, ...]:
        """Ids of tokens with which the chat template ends an answer; none without a chat template."""
        return end_of_answer(self.tokenizer, self.settings) if self.chat else ()

    def render(
        self, statement: str, starter_code: str = "", *, instruction: str | None = None, is_program: bool = True
    ) -> Rendered:
        """Text and ids of one problem.

        Args:
            statement: the problem as its source states it.
            starter_code: the header that the answer must fill, if any.
            instruction: the user's message where it is already worded; else the recipe's template words it.
            is_program: whether the answer is to be a program; only then it begins with the recipe's prefill.

        Raises:
            UserError: the chat template cannot be used, or leaves out the system message or the prompt.
        """
        message = instruction or apply_template(self.settings.template, statement, starter_code)
        prefill = self.settings.prefill if is_program else ""
        if not self.chat:
            text = message + prefill
            return Rendered(text, tuple(self.tokenizer(text)["input_ids"]), prefill)
        text = chat_text(self.tokenizer, self.settings, message)
        answer_start = opened_thought(text) + prefill
        text += prefill
        # The template writes the special tokens itself; a second <bos> is a classic fault.
        return Rendered(text, tuple(self.tokenizer(text, add_special_tokens=False)["input_ids"]), answer_start)
