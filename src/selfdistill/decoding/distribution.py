"""Decoding semantics: temperature, then top-k, then top-p, then renormalise, then draw (paper App. A, vLLM's order).

The one implementation that sampling, soft targets and analysis share; the arithmetic of a stage, and of other rules
(`recipe/decoding_rules.py`), is in `rules.py`. A decoded distribution is kept *ranked*: token ids by falling
probability with their log-probabilities. Tempering never changes the ranking and truncation only cuts it (prefix
rigidity, paper B.5), so a second stage works on the result of the first at no cost in vocabulary size.

    >>> import torch
    >>> ranked = decode(torch.tensor([2.0, 1.0, 0.0]), (Decoding(temperature=1, top_k=2),))
    >>> ranked.token_ids.tolist(), [round(p, 4) for p in ranked.probabilities.tolist()]
    ([0, 1], [0.7311, 0.2689])
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from selfdistill.decoding.rules import apply
from selfdistill.errors import NotNumbersError, WrongValueError
from selfdistill.recipe.decoding import Decoding, Stage

SPARE = 12
"""Tokens ranked beyond top-k: in bfloat16 some often tie with the k-th."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """Distributions over their retained supports, most probable token first, tied ones by rising id.

    Rows of a batch may retain different numbers of tokens: the last axis has the largest count K, and entries beyond a
    row's own support have log-probability -inf (their ids are arbitrary). Each row sums to 1.
    """

    token_ids: Tensor
    """(..., K) int64."""
    logprobs: Tensor
    """(..., K) float32, or float64 where the logits were."""

    @property
    def probabilities(self) -> Tensor:
        """(..., K); 0 beyond the support."""
        return self.logprobs.exp()

    @property
    def support_sizes(self) -> Tensor:
        """(...) int64: how many tokens each row retains; at least 1."""
        return (self.logprobs > -math.inf).sum(-1)


def decode(logits: Tensor, stages: Sequence[Stage]) -> Ranked:
    """Apply decoding stages to logits.

    Args:
        logits: (..., V), of any floating type, on any device; half precision is computed in float32. -inf means never.
        stages: at least one, none of syntax; a later stage acts on what the earlier ones retained.

    Returns:
        The distribution that a token is drawn from, over at most V tokens.

    Raises:
        NotNumbersError: logits of a row are nan or +inf.
        WrongValueError: there is no stage, or no vocabulary.
    """
    if not stages or not logits.shape[-1:].numel():
        raise WrongValueError("at least one stage and one token are needed", where="decode()")
    first, *later = stages
    token_ids, values = _rank(logits, first)
    ranked = Ranked(token_ids, apply(first, values))
    for stage in later:
        ranked = Ranked(ranked.token_ids, apply(stage, ranked.logprobs))
    return _trimmed(ranked)


def further(ranked: Ranked, stage: Stage) -> Ranked:
    """One more stage on what the earlier ones retained; `decode(x, (a, b))` is `further(decode(x, (a,)), b)`."""
    return _trimmed(Ranked(ranked.token_ids, apply(stage, ranked.logprobs)))


def logprob_of(ranked: Ranked, token_ids: Tensor) -> Tensor:
    """Log-probabilities (...) of given tokens (...) under (..., K); -inf for a token that is not retained."""
    own = ranked.token_ids == token_ids.unsqueeze(-1)
    return ranked.logprobs.masked_fill(~own, -math.inf).amax(-1)


def dense(ranked: Ranked, vocabulary_size: int) -> Tensor:
    """Probabilities over the whole vocabulary, (..., V); exactly 0 off the support. This is q_s of the paper."""
    shape = (*ranked.token_ids.shape[:-1], vocabulary_size)
    # scatter_add, not scatter: the arbitrary ids beyond a row's support may name a token that the row retains.
    return ranked.logprobs.new_zeros(shape).scatter_add(-1, ranked.token_ids, ranked.probabilities)


def draw(ranked: Ranked, uniforms: Tensor) -> tuple[Tensor, Tensor]:
    """Draw one token a row by inverting the cumulative distribution along the ranking.

    Args:
        ranked: (..., K).
        uniforms: (...) numbers in [0, 1), one a row. Equal numbers give equal tokens, whatever else is in the batch.

    Returns:
        Token ids (...) int64, and their natural log-probabilities (...) under `ranked`.

    Raises:
        WrongValueError: a number is outside [0, 1), or there is not one a row.
    """
    if not bool(((uniforms >= 0) & (uniforms < 1)).all()):
        raise WrongValueError("uniforms must be in [0, 1)", where="draw()")
    if uniforms.shape != ranked.logprobs.shape[:-1]:
        raise WrongValueError(
            f"uniforms have shape {tuple(uniforms.shape)}, the rows {tuple(ranked.logprobs.shape[:-1])}", where="draw()"
        )
    return drawn(ranked, uniforms)


def drawn(ranked: Ranked, uniforms: Tensor) -> tuple[Tensor, Tensor]:
    """`draw` for numbers that are known to be right: looks at none of them, so that a GPU need not be waited for."""
    probabilities = ranked.probabilities
    if probabilities.device.type == "mps":  # which has no float64
        probabilities = probabilities.cpu()
    cumulative = probabilities.double().cumsum(-1)
    target = uniforms.to(cumulative).unsqueeze(-1) * cumulative[..., -1:]
    passed = (cumulative <= target).sum(-1).to(ranked.token_ids.device)
    rank = passed.clamp(max=ranked.support_sizes - 1).unsqueeze(-1)
    return ranked.token_ids.gather(-1, rank).squeeze(-1), ranked.logprobs.gather(-1, rank).squeeze(-1)


def _rank(logits: Tensor, stage: Stage) -> tuple[Tensor, Tensor]:
    """Token ids and logits by falling logit: all of them, or as many as top-k (ties with the k-th included) retains.

    Half precision becomes float32 once it is ranked, which changes no order and spares a copy of the vocabulary.
    """
    if not isinstance(stage, Decoding):  # the other rules look at the whole vocabulary
        return _sorted(_single(logits))
    if stage.greedy:
        values, token_ids = logits.max(-1, keepdim=True)
        return token_ids, _single(values)
    if 0 < stage.top_k < logits.shape[-1] and logits.numel():
        token_ids, values = _top(logits, stage.top_k)
        return _ties_by_id(token_ids, _single(values))
    return _sorted(_single(logits))


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


def _single(values: Tensor) -> Tensor:
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


def _trimmed(ranked: Ranked) -> Ranked:
    """Without the columns that no row retains. Of nan nothing is retained."""
    if not ranked.logprobs.numel():
        return ranked
    narrowest, width = torch.stack(ranked.support_sizes.aminmax()).tolist()
    if not narrowest:
        raise NotNumbersError
    return Ranked(ranked.token_ids[..., :width], ranked.logprobs[..., :width])
