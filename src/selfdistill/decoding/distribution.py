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

from selfdistill.decoding.ranking import head, rank, single
from selfdistill.decoding.rules import apply, nucleus
from selfdistill.errors import NotNumbersError, WrongValueError
from selfdistill.recipe.decoding import Decoding, Stage

HEAD = 256
"""Most probable tokens that are ranked where nothing but a draw is wanted; in text nearly all draws are among them."""


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
    token_ids, values = rank(logits, first)
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
    cumulative = _cumulative(ranked)
    passed = _passed(cumulative, uniforms.to(cumulative).unsqueeze(-1) * cumulative[..., -1:])
    last = (ranked.support_sizes - 1).clamp(min=0)  # of nan nothing is retained
    return _at(ranked, passed.to(last.device).clamp(max=last))


def draw_from(logits: Tensor, stages: Sequence[Stage], uniforms: Tensor) -> tuple[Tensor, Tensor]:
    """`drawn(decode(logits, stages), uniforms)` but for rounding, and faster where a large vocabulary has no top-k.

    Args:
        logits: (rows, V).
        stages: as in `decode`.
        uniforms: (rows,) numbers in [0, 1).

    Raises:
        NotNumbersError: logits of a row are nan or +inf.
    """
    if logits.shape[-1] <= 4 * HEAD:
        return drawn(decode(logits, stages), uniforms)
    match _joined(stages):
        case [Decoding(top_k=0, greedy=False) as stage]:
            token_ids, logprobs, inside = _drawn_from_head(logits, stage, uniforms)
        case joined:
            return drawn(decode(logits, joined), uniforms)
    outside = (~inside).nonzero().squeeze(-1)
    if len(outside):
        rest = drawn(decode(logits[outside], (stage,)), uniforms[outside.to(uniforms.device)])
        token_ids[outside], logprobs[outside] = rest
    return token_ids, logprobs


def _joined(stages: Sequence[Stage]) -> Sequence[Stage]:
    """A mere temperature and the stage after it as one, which spares the first its ranking of all tokens."""
    match stages:
        case [Decoding(top_k=0, top_p=1.0, greedy=False) as first, Decoding() as second, *others]:
            temperature = first.temperature * second.temperature
            return _joined((second.model_copy(update={"temperature": temperature}), *others))
    return stages


def _drawn_from_head(logits: Tensor, stage: Decoding, uniforms: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Ids and log-probabilities (rows,) of what is drawn, and whether it is among the ranked head.

    Where top-p ends within the head, that is the whole distribution; else the draw has to end within it.
    """
    ids, values, certain = head(logits, HEAD)
    normaliser = (single(logits) / stage.temperature).logsumexp(-1, keepdim=True)
    finite = normaliser.isfinite().squeeze(-1)  # of nan and infinity the whole ranking tells the user
    ranked = Ranked(ids, values / stage.temperature - normaliser)
    if stage.top_p < 1:
        kept = nucleus(ranked.logprobs, stage.top_p)
        ends = ((kept == -math.inf) & certain).any(-1)
        return *drawn(Ranked(ids, kept), uniforms), ends & finite
    cumulative = _cumulative(ranked)
    passed = _passed(cumulative, uniforms.to(cumulative).unsqueeze(-1)).to(ids.device)
    return *_at(ranked, passed.clamp(max=HEAD - 1)), (passed < certain.sum(-1)) & finite


def _cumulative(ranked: Ranked) -> Tensor:
    """(..., K) float64 sums of the probabilities, in the order of the ranking."""
    probabilities = ranked.probabilities
    if probabilities.device.type == "mps":  # which has no float64
        probabilities = probabilities.cpu()
    return probabilities.double().cumsum(-1)


def _passed(cumulative: Tensor, target: Tensor) -> Tensor:
    """(...) how many tokens' sums a target (..., 1) reaches: the rank of the token that is drawn."""
    return (cumulative <= target).sum(-1)


def _at(ranked: Ranked, rank: Tensor) -> tuple[Tensor, Tensor]:
    """The token (...) at this rank (...), and its log-probability."""
    place = rank.unsqueeze(-1)
    return ranked.token_ids.gather(-1, place).squeeze(-1), ranked.logprobs.gather(-1, place).squeeze(-1)


def _trimmed(ranked: Ranked) -> Ranked:
    """Without the columns that no row retains. Of nan nothing is retained."""
    if not ranked.logprobs.numel():
        return ranked
    narrowest, width = torch.stack(ranked.support_sizes.aminmax()).tolist()
    if not narrowest:
        raise NotNumbersError
    return Ranked(ranked.token_ids[..., :width], ranked.logprobs[..., :width])
