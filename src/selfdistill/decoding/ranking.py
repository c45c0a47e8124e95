"""Tokens by falling logit, tied ones by rising id: the order that distributions are kept and drawn in."""

from __future__ import annotations

import torch
from torch import Tensor

from selfdistill.recipe.decoding import Decoding, Stage

SPARE = 12
"""Tokens ranked beyond top-k: in bfloat16 some often tie with the k-th."""


def rank(logits: Tensor, stage: Stage) -> tuple[Tensor, Tensor]:
    """Token ids and logits by falling logit: all of them, or as many as top-k (ties with the k-th included) retains.

    Half precision becomes float32 once it is ranked, which changes no order and spares a copy of the vocabulary.
    """
    if not isinstance(stage, Decoding):  # the other rules look at the whole vocabulary
        return _sorted(single(logits))
    if stage.greedy:
        values, token_ids = logits.max(-1, keepdim=True)
        return token_ids, single(values)
    if 0 < stage.top_k < logits.shape[-1] and logits.numel():
        token_ids, values = _top(logits, stage.top_k)
        return _ties_by_id(token_ids, single(values))
    return _sorted(single(logits))


def head(logits: Tensor, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Ids and logits of the `count` largest, (..., count) each, and which of them are certainly in their place.

    Those that tie with the last are not: others that tie with it may not be listed.
    """
    values, token_ids = logits.topk(count, dim=-1)
    token_ids, values = _ties_by_id(token_ids, single(values))
    return token_ids, values, values > values[..., -1:]


def _top(logits: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Ids and logits of the k largest, and of those that tie with the k-th: as many as the row with most of them has.

    A few more than k are listed, so that nearly always all ties are among them: one look at the vocabulary is enough.
    """
    listed = min(k + SPARE, logits.shape[-1])
    values, token_ids = logits.topk(listed, dim=-1)
    kth = values[..., k - 1 : k]
    more = (values[..., -1:] == kth).any() & (listed < logits.shape[-1])
    unlisted, retained = torch.stack([more.long(), (values >= kth).sum(-1).max()]).tolist()
    if unlisted:
        retained = int((logits >= kth).sum(-1).max())
        values, token_ids = logits.topk(retained, dim=-1)
    retained = max(retained, k)  # of nan nothing is at least the k-th; `_trimmed` finds it
    return token_ids[..., :retained], values[..., :retained]


def single(values: Tensor) -> Tensor:
    """Half precision as float32."""
    return values.float() if values.dtype in (torch.float16, torch.bfloat16) else values


def _ties_by_id(token_ids: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
    """The ranking that a stable sort of the whole vocabulary gives.

    `topk` leaves the order of equal values open, and on a GPU it changes from call to call; in bfloat16 some of the k
    are nearly always equal, and a draw inverts the cumulative distribution along the ranking.
    """
    token_ids, order = token_ids.sort(dim=-1)
    values, ranking = values.gather(-1, order).sort(dim=-1, descending=True, stable=True)
    return token_ids.gather(-1, ranking), values


def _sorted(logits: Tensor) -> tuple[Tensor, Tensor]:
    values, token_ids = logits.sort(dim=-1, descending=True, stable=True)
    return token_ids, values
