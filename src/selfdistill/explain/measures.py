"""From logits to numbers: what is measured at each position, for both models. Plain functions of one chunk."""

from __future__ import annotations

import torch
from torch import Tensor

from selfdistill.decoding.distribution import Ranked, decode
from selfdistill.engines.stream import Chunk
from selfdistill.explain import identities
from selfdistill.explain.measured import Measured
from selfdistill.recipe.decoding import Decoding
from selfdistill.recipe.explain import AnalysisSettings


def measure(chunk: Chunk, sampling: Decoding, evaluation: Decoding, settings: AnalysisSettings) -> Measured:
    """Everything about one chunk.

    Args:
        chunk: logits of both models.
        sampling: T_train and rho_train; not greedy.
        evaluation: its temperature is T_eval of the gain split, its truncation that of the curves over T_eval.
        settings: ranks and temperatures of the curves.
    """
    logits = tuple(each.float() if each.dtype != torch.float64 else each for each in chunk.logits)
    logprobs = (logits[0].log_softmax(-1), logits[1].log_softmax(-1))
    heads = tuple(_head(each, sampling, evaluation, settings) for each in logits)
    target = _within(heads[0], sampling)
    effective = identities.effective_tokens(target)
    values = {"effective": effective, "support_size": target.support_sizes.double()}
    residual = 0.0
    for name, own in zip(("base", "student"), logprobs, strict=True):
        of_model, difference = _of_model(own, target, sampling.temperature)
        values |= {f"{name}_{measure}": value for measure, value in of_model.items()}
        residual = max(residual, difference)
    for name in ("kept", "head_entropy", "entropy"):
        values[f"{name}_change"] = values[f"student_{name}"] - values[f"base_{name}"]
    values["fit"] = identities.divergence(logprobs[1], target)
    values["base_fit"] = identities.divergence(logprobs[0], target)
    values["moved"] = 0.5 * (logprobs[0].exp() - logprobs[1].exp()).abs().sum(-1).double()
    # No decoder of the base can change its ranking (paper Cor. B.6): what flips is beyond composition of decoders.
    values["flipped"] = (heads[0].token_ids[:, 0] != heads[1].token_ids[:, 0]).double()
    values |= _gain(logits[0], target, chunk.drawn.to(logits[0].device), sampling, evaluation)
    curves: dict[str, Tensor] = {}
    for name, own, head in zip(("base", "student"), logprobs, heads, strict=True):
        curves |= {f"{name}_{curve}_curve": value for curve, value in _curves(own, head, evaluation, settings).items()}
    return Measured(values, curves, target, logprobs, residual)


def _of_model(own: Tensor, target: Ranked, temperature: float) -> tuple[dict[str, Tensor], float]:
    loss = identities.loss_split(own, target, temperature)
    split = identities.entropy_split(own, target)
    cross_entropy, entropy = identities.cross_entropy(own, target), identities.entropy(own)
    residual = torch.maximum((loss.total - cross_entropy).abs(), (split.total - entropy).abs())
    values = {
        "kept": (-loss.support).exp(),
        "cross_entropy": cross_entropy,
        "support": loss.support,
        "reshaping": loss.reshaping,
        "anchor": loss.anchor,
        "constant": loss.constant,
        "entropy": entropy,
        "gate": split.gate,
        "head": split.head,
        "tail": split.tail,
        "head_entropy": split.head * loss.support.exp(),  # conditional: what temperature acts on (paper B.4)
    }
    finite = residual[residual.isfinite()]
    return values, float(finite.max()) if len(finite) else 0.0


def _gain(logits: Tensor, target: Ranked, drawn: Tensor, sampling: Decoding, evaluation: Decoding) -> dict[str, Tensor]:
    """Prop. B.3 for the event "the drawn token"; NaN where the base's own decoding does not retain it."""
    event = (target.token_ids == drawn.unsqueeze(-1)) & (target.logprobs > -torch.inf)
    t_eval = 1.0 if evaluation.greedy else evaluation.temperature
    split = identities.gain_split(logits, target, event, t_train=sampling.temperature, t_eval=t_eval)
    outside = ~event.any(-1)
    return {
        "gain_compression": split.compression.masked_fill(outside, torch.nan),
        "gain_reshaping": split.reshaping.masked_fill(outside, torch.nan),
    }


def _head(logits: Tensor, sampling: Decoding, evaluation: Decoding, settings: AnalysisSettings) -> Ranked:
    """The likeliest tokens, as many as any decoding here can retain: the vocabulary is ranked once.

    Top-k retains the same tokens at every temperature, and what follows it sees only those.
    """
    unlimited = not sampling.top_k or not evaluation.top_k
    top_k = 0 if unlimited else max(sampling.top_k, evaluation.top_k, settings.ranks)
    return decode(logits, (Decoding(temperature=1, top_k=top_k),))


def _within(head: Ranked, decoding: Decoding) -> Ranked:
    """A decoding of the whole distribution, computed on its head."""
    ranked = decode(head.logprobs, (decoding,))
    return Ranked(head.token_ids.gather(-1, ranked.token_ids), ranked.logprobs)


def _curves(own: Tensor, head: Ranked, evaluation: Decoding, settings: AnalysisSettings) -> dict[str, Tensor]:
    """Figure 6 at one position: mass by rank, and what truncation leaves at each T_eval."""
    mass = own.gather(-1, head.token_ids[..., : settings.ranks]).double().exp().cumsum(-1)
    decoded = [_within(head, evaluation.model_copy(update={"temperature": t})) for t in settings.temperatures]
    return {
        "mass": mass,
        "survivors": torch.stack([each.support_sizes.double() for each in decoded], -1),
        "entropy": torch.stack([identities.entropy(each.logprobs) for each in decoded], -1),
    }
