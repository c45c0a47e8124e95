"""The arithmetic of one stage: ranked logits in, ranked log-probabilities out, -inf where the stage cuts.

Every rule keeps a prefix of the ranking and raises it to a power (prefix and power rigidity, paper B.5); the rules
differ in how a context's own shape decides both. So each can follow any other.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from selfdistill.recipe.decoding import GREEDY_BELOW, Decoding, Stage
from selfdistill.recipe.decoding_rules import EntropyTemperature, ForkLock, MinP, TopNSigma

EDT_BASE = 0.8
"""N of the entropy-adaptive temperature; the paper fixes it."""
CERTAIN = 1e-9
"""Nats of entropy under which a context is certain: the formula divides by it."""


def apply(stage: Stage, values: Tensor) -> Tensor:
    """One stage.

    Args:
        stage: any but a syntax stage, which needs the text so far.
        values: (..., K) logits or log-probabilities, falling along K; -inf where an earlier stage cut.

    Returns:
        (..., K) log-probabilities, -inf where it cuts; each row sums to 1.
    """
    match stage:
        case Decoding():
            return _decoding(stage, values)
        case MinP():
            logprobs = (values / stage.temperature).log_softmax(-1)
            # Among probabilities, not their logarithms: transformers' rounding at the threshold.
            probabilities = logprobs.exp()
            return _without(logprobs, probabilities < stage.min_p * probabilities[..., :1])
        case TopNSigma():
            kept = values.masked_fill(values < values[..., :1] - stage.n * _deviation(values), -math.inf)
            return (kept / stage.temperature).log_softmax(-1)
        case EntropyTemperature():
            uncertainty = _entropy(values.log_softmax(-1))
            temperature = stage.temperature * EDT_BASE ** (stage.theta / uncertainty.clamp(min=CERTAIN))
            return _cut(_temper(values, temperature), stage.top_k, stage.top_p)
        case ForkLock():
            kept = _cut(values, stage.top_k, stage.top_p)
            fork = _entropy(kept).exp() >= stage.fork_tokens
            temperatures = values.new_tensor([stage.lock_temperature, stage.fork_temperature])
            return _temper(kept, temperatures[fork.long()]).log_softmax(-1)
    raise AssertionError(f"{stage} is no rule on logits alone")


def _decoding(stage: Decoding, values: Tensor) -> Tensor:
    if stage.greedy:
        top = values[..., :1]
        return torch.cat([top - top, torch.full_like(values[..., 1:], -math.inf)], dim=-1)  # 0, but nan stays nan
    return _cut(values / stage.temperature, stage.top_k, stage.top_p)


def _cut(tempered: Tensor, top_k: int, top_p: float) -> Tensor:
    """Top-k, then top-p, on tempered logits: log-probabilities."""
    if 0 < top_k < tempered.shape[-1]:
        kth = tempered[..., top_k - 1 : top_k]
        tempered = tempered.masked_fill(tempered < kth, -math.inf)
    logprobs = tempered.log_softmax(-1)
    return nucleus(logprobs, top_p) if top_p < 1 else logprobs


def nucleus(logprobs: Tensor, top_p: float) -> Tensor:
    """The smallest prefix of ranked log-probabilities (..., K) whose mass reaches top-p, renormalised."""
    probabilities = logprobs.exp()
    mass_before = probabilities.cumsum(-1) - probabilities
    return _without(logprobs, mass_before >= top_p)


def _without(logprobs: Tensor, cut: Tensor) -> Tensor:
    """Log-probabilities without what is cut; at least one token stays, whatever the rounding."""
    cut[..., 0] = False
    return logprobs.masked_fill(cut, -math.inf).log_softmax(-1)


def _temper(values: Tensor, temperature: Tensor) -> Tensor:
    """Divide each row (...) by a temperature of its own; one of almost 0 leaves nothing but the top."""
    # From the top down, so that dividing by almost nothing does not overflow where it matters.
    return (values - values[..., :1]) / temperature.clamp(min=GREEDY_BELOW).unsqueeze(-1).to(values)


def _entropy(logprobs: Tensor) -> Tensor:
    """In nats, of each row (...)."""
    return torch.special.entr(logprobs.exp()).sum(-1)


def _deviation(values: Tensor) -> Tensor:
    """Standard deviation of the finite values of each row, (..., 1); 0 where there is only one."""
    finite = values > -math.inf
    count = finite.sum(-1, keepdim=True)
    mean = values.where(finite, 0).sum(-1, keepdim=True) / count
    squares = (values - mean).where(finite, 0).square().sum(-1, keepdim=True)
    return (squares / (count - 1).clamp(min=1)).sqrt()
