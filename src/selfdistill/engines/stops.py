"""Stop strings: texts that end a completion, found in the text of its tokens.

A completion keeps its ids up to the token that completes the string, and no more; its text ends before the string.
vLLM and servers look for stop strings too, which saves tokens. What is said here decides, so that all engines agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from selfdistill.engines.base import Completion, Request, SparseTargets
from selfdistill.engines.text import Detokenizer


class StopStrings:
    """Finds stop strings in completions."""

    def __init__(self, tokenizer: Any, strings: Sequence[str]) -> None:
        self._strings = tuple(strings)
        self._last = {string[-1] for string in strings}
        self._window = max(len(string.encode("utf-8", "surrogatepass")) for string in strings)
        self._text = Detokenizer(tokenizer)
        self._may_end: dict[int, bool] = {}

    def completes(self, before: Sequence[int], token_ids: Sequence[int]) -> bool:
        """Whether the last token completes a stop string.

        Args:
            before: the prompt. A string that begins in it does not count.
            token_ids: the completion so far; no earlier token of it completes one.
        """
        if not self._token_may_end(token_ids[-1]):
            return False
        # Every token that is visible has at least one byte, so these are enough to hold a whole string.
        tail = self._text.visible(token_ids[-4 * self._window :])[-self._window - 1 :]
        context = [*before, *token_ids[: len(token_ids) - len(tail)]] if len(tail) < len(token_ids) else before
        text = self._text.text(context, tail)
        return any(string in text for string in self._strings)

    def end(self, before: Sequence[int], token_ids: Sequence[int]) -> int | None:
        """How many tokens there are up to the first that completes a stop string; None if none does."""
        for count in range(1, len(token_ids) + 1):
            if self._token_may_end(token_ids[count - 1]) and self.completes(before, token_ids[:count]):
                return count
        return None

    def before_stop(self, text: str) -> str:
        """The text before the first stop string in it."""
        found = [position for string in self._strings if (position := text.find(string)) >= 0]
        return text[: min(found)] if found else text

    def _token_may_end(self, token_id: int) -> bool:
        """Whether a token's text holds the last character of a stop string, or part of a character."""
        known = self._may_end.get(token_id)
        if known is None:
            text = self._text.text((), [token_id]) if self._text.visible([token_id]) else ""
            # A first space is lost when a token is decoded alone.
            known = self._may_end[token_id] = bool(text) and (
                "\ufffd" in text or any(last in text or last.isspace() for last in self._last)
            )
        return known


class Tails:
    """The completions of a batch so far, looked at token by token."""

    def __init__(self, stops: StopStrings, requests: Sequence[Request]) -> None:
        self._stops = stops
        self._prompts = [request.token_ids for request in requests]
        self._token_ids: list[list[int]] = [[] for _ in requests]

    def add(self, rows: np.ndarray, tokens: np.ndarray) -> np.ndarray:
        """Append a token to each of these rows; (active,) whether it completes a stop string there."""
        completed = np.zeros(len(rows), dtype=bool)
        for position, (row, token) in enumerate(zip(rows.tolist(), tokens.tolist(), strict=True)):
            self._token_ids[row].append(token)
            completed[position] = self._stops.completes(self._prompts[row], self._token_ids[row])
        return completed


def cut_at_stop(completion: Completion, request: Request, stops: StopStrings) -> Completion:
    """The completion up to the token that completes the first stop string, if one does."""
    count = stops.end(request.token_ids, completion.token_ids)
    if count is None:
        return completion
    return replace(
        completion,
        token_ids=completion.token_ids[:count],
        finish_reason="stop_string",
        logprobs=completion.logprobs[:count],
        targets=None if completion.targets is None else _first(completion.targets, count),
    )


def _first(targets: SparseTargets, count: int) -> SparseTargets:
    entries = int(targets.support_sizes[:count].sum())
    return SparseTargets(targets.support_sizes[:count], targets.token_ids[:entries], targets.probabilities[:entries])
