"""Why no decoder does what training does: every order of temperature, top-k and top-p has one normal form (Prop. B.5).

Whatever the order, the result is one power transform, p^(1/T), on a prefix of the base's ranking. So a lower-ranked
token comes in only with all above it (prefix rigidity, Cor. B.6), and all log-odds inside the prefix are scaled by the
same factor (power rigidity, Cor. B.7).
"""

from __future__ import annotations

import itertools
from typing import Literal

from torch import Tensor

from selfdistill.decoding.distribution import Ranked, decode
from selfdistill.recipe.decoding import Decoding, Stages

Operator = Literal["temperature", "top_k", "top_p"]
OPERATORS: tuple[Operator, ...] = ("temperature", "top_k", "top_p")
ORDERS: tuple[tuple[Operator, ...], ...] = tuple(itertools.permutations(OPERATORS))
"""All six; the first is vLLM's."""


def in_order(decoding: Decoding, order: tuple[Operator, ...]) -> Stages:
    """The decoding's three operators as three stages in this order."""
    alone = {
        "temperature": Decoding(temperature=decoding.temperature),
        "top_k": Decoding(temperature=1, top_k=decoding.top_k),
        "top_p": Decoding(temperature=1, top_p=decoding.top_p),
    }
    return tuple(alone[operator] for operator in order)


def normal_form(logits: Tensor, prefix_length: int, temperature: float) -> Ranked:
    """p^(1/T) on the `prefix_length` likeliest tokens, renormalised.

    Args:
        logits: (V,) of one position.
        prefix_length: tokens retained.
        temperature: T.
    """
    ranking = decode(logits, (Decoding(temperature=1),))
    prefix = ranking.logprobs[:prefix_length] / temperature
    return Ranked(ranking.token_ids[:prefix_length], prefix.log_softmax(-1))
