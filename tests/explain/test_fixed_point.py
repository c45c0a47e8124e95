"""Naive self-training is a fixed point: the expected gradient is zero at T = 1 without truncation, and only there.

Exact, not sampled: every sequence of a tiny language model is enumerated with its probability (paper Sec. 4.3, B.2).
"""

from __future__ import annotations

import itertools

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from selfdistill.decoding.distribution import decode, dense
from selfdistill.recipe.decoding import Decoding

VOCABULARY, LENGTH = 6, 3


@pytest.fixture(scope="module")
def model() -> LlamaForCausalLM:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=VOCABULARY + 1,  # and a beginning-of-sequence token
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=8,
        initializer_range=0.5,
    )
    return LlamaForCausalLM(config).double().eval()


def expected_gradient(model: LlamaForCausalLM, sampling: Decoding) -> float:
    """Largest entry of the expected gradient of the hard-target loss on the model's own samples."""
    sequences = torch.tensor(list(itertools.product(range(VOCABULARY), repeat=LENGTH)))
    begin = torch.full((len(sequences), 1), VOCABULARY)
    logits = model(torch.cat([begin, sequences[:, :-1]], dim=1)).logits[..., :VOCABULARY]
    q = dense(decode(logits.detach(), (sampling,)), VOCABULARY)
    probability = q.gather(-1, sequences.unsqueeze(-1)).squeeze(-1).prod(-1)
    assert probability.sum() == pytest.approx(1)
    loss = -logits.log_softmax(-1).gather(-1, sequences.unsqueeze(-1)).squeeze(-1).sum(-1)
    model.zero_grad()
    (probability * loss).sum().backward()
    return max(float(parameter.grad.abs().max()) for parameter in model.parameters())


def test_gradient_vanishes_at_temperature_one_without_truncation(model: LlamaForCausalLM) -> None:
    assert expected_gradient(model, Decoding(temperature=1)) < 1e-6  # RMSNorm works in float32


@pytest.mark.parametrize(
    "sampling",
    [
        Decoding(temperature=0.7),
        Decoding(temperature=1.5),
        Decoding(temperature=1, top_k=4),
        Decoding(temperature=1, top_p=0.9),
    ],
    ids=lambda sampling: sampling.label,
)
def test_tempering_or_truncation_moves_the_model(model: LlamaForCausalLM, sampling: Decoding) -> None:
    assert expected_gradient(model, sampling) > 1e-3
