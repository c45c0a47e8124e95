"""Soft targets have the hard loss's expected gradient with less variance (Rao-Blackwell): exact, by enumeration.

With three tokens retained at each of three positions there are 27 completions. Their probabilities under the sampling
distribution are known, so both expectations and both variances are sums, not estimates.
"""

from __future__ import annotations

from itertools import product

import pytest
import torch

from selfdistill.decoding.distribution import Ranked, decode
from selfdistill.models.load import load_model
from selfdistill.recipe.decoding import Decoding
from selfdistill.recipe.model import ModelSettings
from selfdistill.steps.training.soft import soft_cross_entropy
from tiny_models import make_model

PROMPT = [40, 50, 60]
DECODING = Decoding(temperature=0.8, top_k=3)
LENGTH = 3


@pytest.fixture(scope="module")
def enumerated(tmp_path_factory) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """For every completion its probability (27,), hard gradient and soft gradient (27, parameters)."""
    model = load_model(ModelSettings(path=str(make_model(tmp_path_factory.mktemp("model"))), device="cpu")).double()
    weights, hard, soft = [], [], []
    for ranks in product(range(3), repeat=LENGTH):
        tokens, weight = _completion(model, ranks)
        logits = model(input_ids=torch.tensor([[*PROMPT, *tokens]])).logits[0, len(PROMPT) - 1 : -1]
        q = decode(logits.detach(), (DECODING,))
        losses = (
            torch.nn.functional.cross_entropy(logits.float(), torch.tensor(tokens), reduction="sum"),
            soft_cross_entropy(logits, q.token_ids, q.probabilities.float()),
        )
        weights.append(weight)
        for loss, rows in zip(losses, (hard, soft), strict=True):
            parts = torch.autograd.grad(loss, list(model.parameters()), retain_graph=True)
            rows.append(torch.cat([part.flatten() for part in parts]))
    return torch.tensor(weights, dtype=torch.float64), torch.stack(hard), torch.stack(soft)


@torch.no_grad()
def _completion(model, ranks: tuple[int, ...]) -> tuple[list[int], float]:
    """The completion that takes the tokens of these ranks, and its probability."""
    ids, probability = list(PROMPT), 1.0
    for rank in ranks:
        q: Ranked = decode(model(input_ids=torch.tensor([ids])).logits[0, -1], (DECODING,))
        probability *= float(q.probabilities[rank])
        ids.append(int(q.token_ids[rank]))
    return ids[len(PROMPT) :], probability


def _mean(weights: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    return (weights[:, None] * rows).sum(0)


def _variance(weights: torch.Tensor, rows: torch.Tensor) -> float:
    return float((weights * (rows - _mean(weights, rows)).square().sum(1)).sum())


def test_the_expected_gradients_are_equal(enumerated):
    weights, hard, soft = enumerated
    assert float(weights.sum()) == pytest.approx(1, abs=1e-6)
    expected = _mean(weights, soft)
    torch.testing.assert_close(_mean(weights, hard), expected, atol=1e-5 * float(expected.abs().max()), rtol=0)


def test_the_mean_hard_gradient_of_many_draws_converges_to_it(enumerated):
    weights, hard, soft = enumerated
    truth = _mean(weights, soft)
    draws = torch.multinomial(weights.float(), 20_000, replacement=True, generator=torch.Generator().manual_seed(0))
    shares = [torch.bincount(draws[:count], minlength=len(hard)).double() / count for count in (200, 20_000)]
    errors = [float((_mean(share, hard) - truth).square().sum()) for share in shares]
    assert errors[1] < errors[0] / 20, "the squared error must fall about as 1 / draws"
    assert errors[1] < 5 * _variance(weights, hard) / 20_000


def test_soft_targets_have_less_variance(enumerated):
    weights, hard, soft = enumerated
    ratio = _variance(weights, hard) / _variance(weights, soft)
    print(f"variance of the hard gradient over that of the soft one: {ratio:.1f}")
    assert ratio > 1.5
