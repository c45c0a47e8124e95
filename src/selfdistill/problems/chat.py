"""The model's chat template: the text of a prompt, and the token with which the template ends an answer.

Templates are programs of the model's author. One that refuses what it is given, breaks, or leaves the message out is a
fault that names the recipe's key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from selfdistill.errors import UserError

if TYPE_CHECKING:
    from selfdistill.recipe.prompts import PromptSettings

_QUESTION, _ANSWER = "What is it?", "ANSWER"
"""A made-up conversation, to see what follows an answer."""


def chat_text(tokenizer: Any, settings: PromptSettings, message: str) -> str:
    """A user's message, after the recipe's system message, as the model reads it before it answers.

    Raises:
        UserError: the template refuses the system message, leaves one of the two out, or cannot be used.
    """
    try:
        text = _apply(tokenizer, settings, message)
        if message.strip() not in text:  # templates of multimodal models may see only the parts of a message
            text = _apply(tokenizer, settings, message, in_parts=True)
    except Exception as error:  # whatever the template's own code raises
        raise _fault_of(tokenizer, settings, message, error) from error
    if message.strip() not in text:
        raise _fault("leaves the prompt out")
    if settings.system and settings.system.strip() not in text:
        raise _fault("leaves the system message out", where="prompts.system", fix="unset it")
    return text


def end_of_answer(tokenizer: Any, settings: PromptSettings) -> tuple[int, ...]:
    """The token that the template puts after an answer, where it puts one there: none or one id.

    Templates without such a token may begin the next turn with one; a model that draws that has ended its answer.
    """
    tokens = {str(token): int(token_id) for token_id, token in tokenizer.added_tokens_decoder.items()}
    for further in ((_ANSWER,), (_ANSWER, _QUESTION)):
        for in_parts in (False, True):
            try:
                text = _apply(tokenizer, settings, _QUESTION, *further, in_parts=in_parts)
            except Exception:  # a template need not take a conversation that has an answer
                continue
            _, found, after = text.rpartition(_ANSWER)
            following = [token for token in tokens if found and token.strip() and after.lstrip().startswith(token)]
            end = max(following, key=len, default=None)
            if end is not None and end not in {tokenizer.bos_token} - {tokenizer.eos_token}:
                return (tokens[end],)
    return ()


def _apply(tokenizer: Any, settings: PromptSettings, *contents: str, in_parts: bool = False) -> str:
    """The text of a conversation that the user begins; after a user's message an answer is expected, if it is alone."""
    roles = ["system"] if settings.system else []
    roles += ["user" if turn % 2 == 0 else "assistant" for turn in range(len(contents))]
    texts = [settings.system, *contents] if settings.system else contents
    messages = [
        {"role": role, "content": [{"type": "text", "text": text}] if in_parts else text}
        for role, text in zip(roles, texts, strict=True)
    ]
    return str(
        tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=len(contents) == 1, **settings.chat_template_arguments
        )
    )


def _fault_of(tokenizer: Any, settings: PromptSettings, message: str, error: Exception) -> UserError:
    """Why a template could not be applied, and which key of the recipe it is about."""
    reason = " ".join(str(error).split()) or type(error).__name__
    if isinstance(tokenizer.chat_template, dict) and "chat_template" not in settings.chat_template_arguments:
        named = ", ".join(sorted(tokenizer.chat_template))
        return UserError(
            f"the tokenizer has several chat templates and no default one: {named}",
            where="prompts.chat_template_arguments",
            fix="choose one of them: {chat_template: NAME}",
        )
    if settings.system:
        try:
            _apply(tokenizer, settings.model_copy(update={"system": None}), message)
        except Exception:  # then it is not the system message
            return _fault(f"fails: {reason}")
        fix = "unset it, and put what it says into the prompts"
        return _fault(f"refuses the system message: {reason}", where="prompts.system", fix=fix)
    return _fault(f"fails: {reason}")


def _fault(what: str, where: str = "prompts.chat_template_arguments", fix: str | None = None) -> UserError:
    return UserError(
        f"the tokenizer's chat template {what}",
        where=where,
        fix=fix or "give the template what it asks for, or set prompts.chat: never",
    )
