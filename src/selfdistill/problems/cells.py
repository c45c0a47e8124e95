"""A cell of a table as text. What is no text is refused by its kind, never turned into some text that looks like it.

A list of messages, as chat data sets have it, is read where it says no more than a statement does: one user's message,
a system message that is the recipe's own, and answers, which are not looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from selfdistill.errors import UserError

_KINDS: tuple[tuple[type, str], ...] = (
    (bool, "true or false"),
    (int, "a number"),
    (float, "a number"),
    (bytes, "bytes"),
    (list, "a list"),
)


def text_of(value: Any, column: str, role: str, where: str) -> str:
    """A cell's text; an empty cell has none.

    Args:
        value: the cell.
        column: its name.
        role: its name in the recipe's `prompts.columns`.
        where: the row's place.

    Raises:
        UserError: it is neither text nor empty.
    """
    if value is None or isinstance(value, str):
        return value or ""
    raise UserError(
        f"column {column} holds {_kind(value)}, not text", where=where, fix=f"name another in prompts.columns.{role}"
    )


def name_of(value: Any, column: str, where: str) -> str:
    """A row's id: text or a number."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    return text_of(value, column, "id", where)


def statement_of(value: Any, column: str, where: str, system: str | None) -> str:
    """A statement: text, or a list of messages that holds one.

    Args:
        value: the cell.
        column: its name.
        where: the row's place.
        system: the recipe's system message.

    Raises:
        UserError: it is something else, or messages that say more.
    """
    if isinstance(value, list) and value and all(_is_message(each) for each in value):
        return _only_question(value, column, where, system)
    return text_of(value, column, "statement", where)


def encodable(*texts: str) -> bool:
    """Whether texts can be written as UTF-8; JSON may hold halves of characters (`\\ud800`), which cannot."""
    try:
        "".join(texts).encode()
    except UnicodeEncodeError:
        return False
    return True


def _only_question(messages: Sequence[dict[str, Any]], column: str, where: str, system: str | None) -> str:
    """The one question of a conversation that consists of it and its answers."""
    roles = [str(message["role"]) for message in messages]
    said = [message["content"] for message in messages if message["role"] == "system"]
    if said and (roles[0] != "system" or len(said) > 1 or said[0].strip() != (system or "").strip()):
        raise UserError(
            f"column {column} holds messages with a system message that is not the recipe's",
            where=where,
            fix="take it out of them and put it into prompts.system",
        )
    rest = roles[1:] if said else roles
    if rest[:1] != ["user"] or set(rest[1:]) - {"assistant"}:
        raise UserError(
            f"column {column} holds messages of {', '.join(roles)}, not one user's message",
            where=where,
            fix="name a column of texts, or leave one user's message in each row",
        )
    return str(messages[len(roles) - len(rest)]["content"])


def _is_message(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("content"), str) and isinstance(value.get("role"), str)


def _kind(value: Any) -> str:
    if isinstance(value, dict):
        return f"an object with {', '.join(map(str, value)) or 'nothing'}"
    return next((name for kind, name in _KINDS if isinstance(value, kind)), f"a {type(value).__name__}")
