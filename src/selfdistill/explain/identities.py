"""The paper's identities as numbers: what the loss, the entropy and the gain are made of at one position.

Each function returns the terms; each sum equals the quantity computed directly (to 1e-6, in tests to 1e-9), for any
temperature, T = 1 and its neighbourhood included. Everything is vectorised over leading dimensions and computed in
float64 on the retained support only, which has few tokens; the vocabulary is touched once, to normalise and for the
tail's entropy. Source: paper Sec. 4.3 (Eq. 4), App. B.2 (Eq. 15, 17), B.3 (Prop. B.2, B.3), B.4 (Eq. 30).

Here q_s is the base's decoded distribution over its retained support S_s (`decode` of the sampling decoding), and p the
model that is looked at: base or student.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from selfdistill.decoding.distribution import Ranked


@dataclass(frozen=True, slots=True)
class LossSplit:
    """CE(q_s, p) = support + reshaping + anchor + constant, in nats, each of shape (...)."""

    support: Tensor
    """-log KeptMass: support compression. What the distractor tail costs; 0 once p lies on S_s."""
    reshaping: Tensor
    """(1 - T) * H_{1/T}(p restricted to S_s): Rényi reshaping. 0 at T = 1."""
    anchor: Tensor
    """T * KL(q_s || Temper_T[p restricted to S_s]): how far p's head is from the base's; 0 for p = base."""
    constant: Tensor
    """T * H(q_s): no training changes it."""

    @property
    def total(self) -> Tensor:
        """The cross-entropy."""
        return self.support + self.reshaping + self.anchor + self.constant


@dataclass(frozen=True, slots=True)
class EntropySplit:
    """H(p) = gate + head + tail, in nats, each of shape (...)."""

    gate: Tensor
    """h2(KeptMass): uncertainty about being on the retained support at all."""
    head: Tensor
    """KeptMass * H(p restricted to S_s)."""
    tail: Tensor
    """(1 - KeptMass) * H(p restricted to the complement of S_s)."""

    @property
    def total(self) -> Tensor:
        """The Shannon entropy."""
        return self.gate + self.head + self.tail


@dataclass(frozen=True, slots=True)
class GainSplit:
    """log of (student's probability of an event / base's) = compression + reshaping, in nats, each of shape (...)."""

    compression: Tensor
    """-log m_s: mass that the base at T_eval leaks outside S_s and the ideally fitted student does not."""
    reshaping: Tensor
    """log of the ratio of the two conditionals on S_s, at T_train * T_eval and at T_eval."""

    @property
    def total(self) -> Tensor:
        """The log gain."""
        return self.compression + self.reshaping


def loss_split(logprobs: Tensor, target: Ranked, temperature: float) -> LossSplit:
    """Split the cross-entropy of a model to q_s (paper Eq. 4 and 15).

    Args:
        logprobs: (..., V) normalised log-probabilities of the model.
        target: q_s, (..., K).
        temperature: T_train, above 0: the temperature that made q_s.
    """
    log_kept, head = head_logprobs(logprobs, target)
    log_q = target.logprobs.double()
    tempered = head / temperature
    # (1 - T) H_{1/T}(pi) = -T log sum pi^(1/T), which has no 0/0 at T = 1 (paper B.2, free-energy identity).
    free_energy = tempered.logsumexp(-1)
    return LossSplit(
        support=-log_kept,
        reshaping=-temperature * free_energy,
        anchor=temperature * expectation(log_q, log_q - (tempered - free_energy.unsqueeze(-1))),
        constant=-temperature * expectation(log_q, log_q),
    )


def cross_entropy(logprobs: Tensor, target: Ranked) -> Tensor:
    """CE(q_s, p) directly, (...) in nats; infinite where p gives a retained token no mass."""
    return -expectation(target.logprobs.double(), _on_support(logprobs, target))


def divergence(logprobs: Tensor, target: Ranked) -> Tensor:
    """KL(q_s || p), (...) in nats: how far a model is from the ideal fit."""
    log_q = target.logprobs.double()
    return expectation(log_q, log_q - _on_support(logprobs, target))


def entropy_split(logprobs: Tensor, support: Ranked) -> EntropySplit:
    """Split a model's entropy into gate, head and tail (paper Eq. 30).

    Args:
        logprobs: (..., V) normalised log-probabilities of the model.
        support: whose retained tokens are S_s; its probabilities do not matter.
    """
    log_kept, head = head_logprobs(logprobs, support)
    kept = log_kept.exp()
    # amin, not a plain scatter: the arbitrary ids beyond a row's support may name a token that is outside it.
    blank = torch.where(support.logprobs > -math.inf, 0.0, math.inf).double()
    wide = logprobs.double()
    outside = wide.exp().scatter_reduce_(-1, support.token_ids, blank, reduce="amin")
    left = outside.sum(-1)
    return EntropySplit(
        gate=torch.special.entr(kept) + torch.special.entr(left),
        head=-kept * expectation(head, head),
        tail=-_vector_dot(outside, wide) - torch.special.entr(left),
    )


def entropy(logprobs: Tensor) -> Tensor:
    """Shannon entropy, (...) in nats, of log-probabilities (..., N) that may be -inf."""
    wide = logprobs.double()
    return -_vector_dot(wide.exp(), wide)


def effective_tokens(target: Ranked) -> Tensor:
    """exp of the entropy of q_s, (...) float64: from 1 to the support's size."""
    return entropy(target.logprobs).exp()


def gain_split(base_logits: Tensor, support: Ranked, event: Tensor, *, t_train: float, t_eval: float) -> GainSplit:
    """Split the ideally fitted student's gain on an event at T_eval, before truncation at evaluation (Prop. B.3).

    Args:
        base_logits: (..., V) of the base.
        support: whose retained tokens are S_s.
        event: (..., K) booleans: which retained tokens belong to the event; at least one a row.
        t_train: temperature that made the student.
        t_eval: temperature at evaluation.
    """
    everything = (base_logits / t_eval).logsumexp(-1).double()
    retained = _on_support(base_logits, support) / t_eval
    head = retained.log_softmax(-1)
    student = (head / t_train).log_softmax(-1)  # Temper_{T_train} of a T_eval-tempered head: Lemma B.1
    compression = everything - retained.logsumexp(-1)
    return GainSplit(compression=compression, reshaping=_mass(student, event) - _mass(head, event))


def renyi_entropy(logprobs: Tensor, order: float) -> Tensor:
    """H_a of log-probabilities (..., N), in nats; Shannon's in the limit a = 1 (paper B.2).

    Close to 1 the definition is 0/0; there it is expanded to first order, H_a = H - (a - 1) Var(log p) / 2.
    """
    wide = logprobs.double()
    if abs(order - 1) > 1e-6:
        return (order * wide).logsumexp(-1) / (1 - order)
    shannon = entropy(wide)
    variance = expectation(wide, (wide + shannon.unsqueeze(-1)) ** 2)
    return shannon - (order - 1) * variance / 2


def head_logprobs(logprobs: Tensor, support: Ranked) -> tuple[Tensor, Tensor]:
    """log KeptMass (...), and the model's log-probabilities conditional on the retained support (..., K), float64."""
    retained = _on_support(logprobs, support)
    log_kept = retained.logsumexp(-1)
    return log_kept, retained - log_kept.unsqueeze(-1)


def expectation(log_weights: Tensor, values: Tensor) -> Tensor:
    """sum of exp(log_weights) * values over the last axis, where a weight of 0 counts nothing whatever its value."""
    weights = log_weights.exp()
    return (weights * values.masked_fill(weights == 0, 0)).sum(-1)


def _on_support(logprobs: Tensor, support: Ranked) -> Tensor:
    """(..., K) float64 values (logits, log-probabilities) of the retained tokens, -inf beyond each row's support."""
    gathered = logprobs.gather(-1, support.token_ids).double()
    return gathered.masked_fill(support.logprobs == -math.inf, -math.inf)


def _vector_dot(weights: Tensor, log_values: Tensor) -> Tensor:
    """sum of weights * log_values over the last axis, in which 0 * -inf counts nothing."""
    return torch.linalg.vecdot(weights, log_values.clamp(min=torch.finfo(log_values.dtype).min))


def _mass(logprobs: Tensor, event: Tensor) -> Tensor:
    return logprobs.masked_fill(~event, -math.inf).logsumexp(-1)
