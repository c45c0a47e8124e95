"""Token ids of a completion to its text, as it continues its prompt.

Decoded alone, a completion loses its first space with the tokenizers of the Llama 2 kind, and the clean-up of spaces
that some tokenizers ask for eats more of them: ` , ` becomes `, `. So prompt and completion are decoded together,
without it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from selfdistill.problems.programs.thoughts import SPECIAL_MARKS

CONTEXT = 16
"""Tokens of the prompt before a completion that are decoded with it; a character takes at most four."""


class Detokenizer:
    """Turns ids into text. Special tokens are left out, but for the marks around a model's thoughts."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        added = getattr(tokenizer, "added_tokens_decoder", {})
        marks = {token_id for token_id, token in added.items() if str(token) in SPECIAL_MARKS}
        special = {token_id for token_id, token in added.items() if token.special}
        self._hidden = frozenset(special | set(tokenizer.all_special_ids)) - marks

    def text(self, before: Sequence[int], token_ids: Sequence[int]) -> str:
        """The text of `token_ids` where it stands, after `before`."""
        context = self.visible(before[-CONTEXT:])
        shown = self.visible(token_ids)
        whole, start = self._decode(context + shown), self._decode(context)
        # The prompt may end within a character, which the completion finishes.
        return whole[len(start) :] if whole.startswith(start) else self._decode(shown)

    def visible(self, token_ids: Sequence[int]) -> list[int]:
        """The ids that have a text."""
        return [token_id for token_id in token_ids if token_id not in self._hidden]

    def _decode(self, token_ids: list[int]) -> str:
        return str(self._tokenizer.decode(token_ids, skip_special_tokens=False, clean_up_tokenization_spaces=False))
