"""Which tokens may follow the completion so far: the grammar's mask over the vocabulary, row by row (extra `syntax`).

llguidance does the work: an Earley parser over lexemes that answers for a whole vocabulary at once. This file feeds it
a batch's tokens and turns its bits into logits.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import llguidance.hf
import numpy as np
import torch
from llguidance import LLExecutor, LLMatcher
from llguidance.numpy import allocate_token_bitmask, fill_next_token_bitmask_par
from torch import Tensor

from selfdistill.decoding.syntax.grammar import python_body
from selfdistill.errors import UserError
from selfdistill.recipe.decoding_rules import PythonSyntax


class SyntaxMasks:
    """The state of a batch's rows in the grammar."""

    def __init__(
        self,
        rule: PythonSyntax,
        prompts: Sequence[Sequence[int]],
        tokenizer: Any,
        end_of_turn: tuple[int, ...],
        vocabulary: int,
    ) -> None:
        """Begin with empty completions.

        Args:
            rule: the settings.
            prompts: token ids of each row's prompt; only whether it ends with a newline matters.
            tokenizer: a fast one, whose tokens are bytes.
            end_of_turn: ids allowed where the body may end.
            vocabulary: width of the logits.

        Raises:
            UserError: llguidance cannot read the tokenizer.
        """
        self._matchers = [
            _matcher(tokenizer, end_of_turn, vocabulary, rule.depth, _ends_line(tokenizer, prompt)).deep_copy()
            for prompt in prompts
        ]
        self._executor = LLExecutor(torch.get_num_threads())

    def apply(self, logits: Tensor, rows: np.ndarray) -> Tensor:
        """Logits (active, V) with -inf where the completion would stop being Python.

        Args:
            logits: of the next token.
            rows: (active,) indices into the prompts.
        """
        bits = allocate_token_bitmask(len(rows), logits.shape[-1])
        chosen = [(self._matchers[row], position) for position, row in enumerate(rows)]
        fill_next_token_bitmask_par(self._executor, chosen, bits)
        allowed = np.unpackbits(bits.view(np.uint8), axis=-1, bitorder="little")[:, : logits.shape[-1]]
        return logits.masked_fill(torch.from_numpy(allowed == 0).to(logits.device), -math.inf)

    def advance(self, rows: np.ndarray, tokens: Tensor) -> None:
        """Append one token (active,) to each row; what comes after a completion's end does not matter."""
        for row, token in zip(rows, tokens.tolist(), strict=True):
            matcher = self._matchers[row]
            if not matcher.is_stopped() and not matcher.consume_token(token):
                raise UserError(f"the syntax checker gave up: {matcher.get_error()}", where="rule python-syntax")


def _ends_line(tokenizer: Any, prompt: Sequence[int]) -> bool:
    return bool(tokenizer.decode(list(prompt[-1:])).endswith("\n"))


@lru_cache(maxsize=4)
def _matcher(tokenizer: Any, end_of_turn: tuple[int, ...], vocabulary: int, depth: int, new_line: bool) -> LLMatcher:
    """The grammar at its start; copied for every row."""
    try:
        known = _known_tokenizer(tokenizer, end_of_turn, vocabulary)
    except ValueError as error:
        raise UserError(
            f"rule python-syntax cannot use this tokenizer: {error}", fix="leave the rule out for this model"
        ) from None
    matcher = LLMatcher(known, LLMatcher.grammar_from_lark(python_body(depth, new_line=new_line)))
    assert not matcher.is_error(), matcher.get_error()
    return matcher


@lru_cache(maxsize=1)
def _known_tokenizer(tokenizer: Any, end_of_turn: tuple[int, ...], vocabulary: int) -> Any:
    """llguidance's view of the vocabulary; about a second for a large one."""
    return llguidance.hf.from_tokenizer(tokenizer, n_vocab=vocabulary, eos_token=list(end_of_turn))
