"""Draws the next token of every row of a batch, each under its own request's decoding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from selfdistill.decoding.distribution import Ranked, decode, draw_from, drawn
from selfdistill.engines.base import Request
from selfdistill.errors import MissingExtraError
from selfdistill.recipe.decoding import Stages, split_syntax
from selfdistill.recipe.decoding_rules import PythonSyntax

if TYPE_CHECKING:
    from selfdistill.decoding.syntax.masks import SyntaxMasks


@dataclass(frozen=True, slots=True)
class Drawn:
    """What the rows of one decoding drew."""

    tokens: Tensor
    """(rows,) int64."""
    logprobs: Tensor
    """(rows,)"""
    ranked: Ranked | None
    """What they were drawn from, if that was asked for."""


class Drawing:
    """The decodings of a batch's requests."""

    def __init__(
        self, requests: Sequence[Request], tokenizer: Any, end_of_turn: tuple[int, ...], *, ranked: bool
    ) -> None:
        kinds = list(dict.fromkeys(request.stages for request in requests))
        self._stages: list[Stages] = kinds
        self._kind = np.array([kinds.index(request.stages) for request in requests])
        """Which of them each request has."""
        self._requests = requests
        self._tokenizer = tokenizer
        self._end_of_turn = end_of_turn
        self._ranked = ranked
        self._masks: dict[int, SyntaxMasks] = {}

    def draw(self, logits: Tensor, rows: np.ndarray, uniforms: np.ndarray) -> Iterator[tuple[np.ndarray, Drawn]]:
        """For each decoding that is there, the places (numpy, (n,)) of its rows and what they drew.

        Args:
            logits: (places, V).
            rows: (places,) the request in each place.
            uniforms: (places,) in [0, 1).
        """
        kinds = self._kind[rows]
        present = np.unique(kinds)
        numbers = torch.from_numpy(uniforms)  # `draw` puts them where it draws
        for kind in present.tolist():
            places = np.flatnonzero(kinds == kind)
            # One decoding is the usual case: nothing is copied then.
            where = slice(None) if len(present) == 1 else torch.from_numpy(places).to(logits.device)
            yield places, self._draw(kind, logits[where], rows[places], numbers[places])

    def _draw(self, kind: int, logits: Tensor, rows: np.ndarray, uniforms: Tensor) -> Drawn:
        syntax, on_logits = split_syntax(self._stages[kind])
        masks = self._syntax(kind, syntax, logits.shape[-1]) if syntax else None
        logits = masks.apply(logits, rows) if masks else logits
        ranked = decode(logits, on_logits) if self._ranked else None
        tokens, logprobs = drawn(ranked, uniforms) if ranked else draw_from(logits, on_logits, uniforms)
        if masks:
            masks.advance(rows, tokens)
        return Drawn(tokens, logprobs, ranked)

    def _syntax(self, kind: int, rule: PythonSyntax, vocabulary: int) -> SyntaxMasks:
        if kind not in self._masks:
            try:
                from selfdistill.decoding.syntax.masks import SyntaxMasks
            except ModuleNotFoundError as error:
                raise MissingExtraError("rule python-syntax", extra="syntax") from error
            prompts = [request.token_ids for request in self._requests]
            self._masks[kind] = SyntaxMasks(rule, prompts, self._tokenizer, self._end_of_turn, vocabulary)
        return self._masks[kind]
