"""The loss in tiles is what plain PyTorch makes of whole logits, gradients included, and no such logits are made."""

from __future__ import annotations

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from selfdistill.steps.training import tiles
from selfdistill.steps.training.soft import soft_cross_entropy
from selfdistill.steps.training.tiles import Transform, tiled_cross_entropy

POSITIONS, WIDTH, VOCABULARY = 11, 16, 61
TRANSFORMS = {
    "plain": Transform(),
    "scaled": Transform(0.3),
    "capped": Transform(cap=2.0),
    "both": Transform(0.5, cap=3.0),
}


def head(*, bias: bool, vocabulary: int = VOCABULARY, width: int = WIDTH) -> torch.nn.Linear:
    torch.manual_seed(0)
    return torch.nn.Linear(width, vocabulary, bias=bias)


def soft_targets(positions: int = POSITIONS, vocabulary: int = VOCABULARY, wide: int = 5):
    """Supports of 1 to `wide` tokens, token 0 often among them, padded as the store pads: with id 0 and nothing."""
    draws = torch.Generator().manual_seed(1)
    token_ids = torch.zeros(positions, wide, dtype=torch.int64)
    probabilities = torch.zeros(positions, wide)
    for row in range(positions):
        size = 1 + row % wide
        token_ids[row, :size] = torch.randperm(vocabulary, generator=draws)[:size]
        token_ids[row, 0] = 0 if row % 3 == 0 and 0 not in token_ids[row, 1:size] else token_ids[row, 0]
        weights = torch.rand(size, generator=draws) + 0.1
        probabilities[row, :size] = weights / weights.sum()
    return token_ids, probabilities


def sliced(token_ids: torch.Tensor, probabilities: torch.Tensor):
    return lambda start, end: (token_ids[start:end], probabilities[start:end])


def gradients(loss: torch.Tensor, *inputs: torch.Tensor) -> list[torch.Tensor]:
    return list(torch.autograd.grad(3 * loss, inputs))


@pytest.mark.parametrize("name", TRANSFORMS)
@pytest.mark.parametrize("rows", [1, 4, 100])
@pytest.mark.parametrize("bias", [False, True])
def test_loss_and_gradients_are_those_of_whole_logits(monkeypatch, name, rows, bias):
    monkeypatch.setattr(tiles, "TILE_ON_CPU", rows * VOCABULARY)
    layer, transform = head(bias=bias), TRANSFORMS[name]
    hidden = (4 * torch.randn(POSITIONS, WIDTH)).requires_grad_()
    token_ids, probabilities = soft_targets()
    inputs = [hidden, *layer.parameters()]
    expected = soft_cross_entropy(transform(layer(hidden)), token_ids, probabilities)
    found = tiled_cross_entropy(hidden, layer, sliced(token_ids, probabilities), transform)
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=0)
    for mine, theirs in zip(gradients(found, *inputs), gradients(expected, *inputs), strict=True):
        assert float((mine - theirs).norm() / theirs.norm()) < 1e-6


def test_one_hot_targets_are_ordinary_cross_entropy():
    layer, hidden = head(bias=False), torch.randn(POSITIONS, WIDTH, requires_grad=True)
    labels = torch.arange(POSITIONS)
    found = tiled_cross_entropy(hidden, layer, sliced(labels[:, None], torch.ones(POSITIONS, 1)), Transform())
    expected = torch.nn.functional.cross_entropy(layer(hidden), labels, reduction="sum")
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=0)
    torch.testing.assert_close(gradients(found, hidden), gradients(expected, hidden))


def test_only_what_is_trained_gets_a_gradient():
    layer, hidden = head(bias=True).requires_grad_(False), torch.randn(POSITIONS, WIDTH, requires_grad=True)
    tiled_cross_entropy(hidden, layer, sliced(*soft_targets()), Transform()).backward()
    assert hidden.grad is not None
    assert layer.weight.grad is layer.bias.grad is None
    layer.requires_grad_(True)
    tiled_cross_entropy(hidden.detach(), layer, sliced(*soft_targets()), Transform()).backward()
    assert layer.weight.grad.any()
    with torch.no_grad():
        assert not tiled_cross_entropy(hidden, layer, sliced(*soft_targets()), Transform()).requires_grad


def test_no_position_is_a_zero_that_still_reaches_everything():
    layer, hidden = head(bias=True), torch.randn(0, WIDTH, requires_grad=True)
    loss = tiled_cross_entropy(hidden, layer, sliced(*soft_targets(0)), Transform())
    loss.backward()
    assert float(loss.detach()) == 0
    assert not layer.weight.grad.any()
    assert hidden.grad.shape == hidden.shape


def test_in_bfloat16_a_position_that_is_nearly_right_keeps_its_gradient():
    """p rounds to 1 there, and p - q to nothing, unless their difference is taken before."""
    layer = head(bias=False)
    hidden = torch.randn(POSITIONS, WIDTH)
    token_ids = layer(hidden).argmax(-1, keepdim=True)
    hidden = (hidden * 30 / hidden.norm(dim=-1, keepdim=True)).requires_grad_()
    ones = torch.ones(POSITIONS, 1)
    exact = gradients(soft_cross_entropy(layer(hidden), token_ids, ones), hidden)[0]
    with torch.autocast("cpu", torch.bfloat16):
        found = tiled_cross_entropy(hidden, layer, sliced(token_ids, ones), Transform())
    assert found.dtype == torch.float32
    mine = gradients(found, hidden)[0]
    assert mine.dtype == torch.float32
    assert float((mine - exact).norm() / exact.norm()) < 0.05


class LargestTensor(TorchDispatchMode):
    """Watches every tensor that any operation makes."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        made = function(*args, **(kwargs or {}))
        for each in made if isinstance(made, (tuple, list)) else [made]:
            if isinstance(each, torch.Tensor):
                self.numbers = max(self.numbers, each.numel())
        return made


@pytest.mark.parametrize("bfloat16", [False, True])
def test_with_a_vocabulary_of_152_000_nothing_is_larger_than_a_tile(monkeypatch, bfloat16):
    monkeypatch.setattr(tiles, "TILE_ON_CPU", 2**22)
    positions, vocabulary = 200, 151_936
    layer = head(bias=False, vocabulary=vocabulary, width=4)
    hidden = torch.randn(positions, 4, requires_grad=True)
    targets = sliced(*soft_targets(positions, vocabulary))
    with LargestTensor() as largest, torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
        tiled_cross_entropy(hidden, layer, targets, Transform()).backward()
    assert largest.numbers <= 2**22 < positions * vocabulary / 7
    with LargestTensor() as largest:
        soft_cross_entropy(layer(hidden), *targets(0, positions)).backward()
    assert largest.numbers == positions * vocabulary, "or the watch sees nothing"
