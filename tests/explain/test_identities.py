"""Each identity against the quantity computed directly, on random distributions and against other libraries."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.special
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from selfdistill.decoding.distribution import Ranked, decode, dense
from selfdistill.explain.identities import (
    cross_entropy,
    divergence,
    entropy,
    entropy_split,
    gain_split,
    loss_split,
    renyi_entropy,
)
from selfdistill.explain.normal_form import ORDERS, in_order, normal_form
from selfdistill.recipe.decoding import Decoding

VOCABULARY = 37
SEEDS = st.integers(0, 10**6)
SPREADS = st.sampled_from([0.1, 1.0, 4.0, 15.0, 60.0])
TEMPERATURES = st.one_of(
    st.floats(0.05, 5),
    st.sampled_from([1.0, 1 - 1e-15, 1 + 1e-12, 1 - 1e-9, 1 + 1e-6, 1 - 1e-4]),
)
DECODINGS = st.builds(
    Decoding, temperature=TEMPERATURES, top_k=st.integers(0, VOCABULARY + 2), top_p=st.floats(0.05, 1.0)
)


def logits(seed: int, spread: float, rows: int = 5, dtype: torch.dtype = torch.float64) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (spread * torch.randn(rows, VOCABULARY, generator=generator, dtype=torch.float64)).to(dtype)


@settings(max_examples=40)
@given(SEEDS, SPREADS, SPREADS, DECODINGS)
def test_loss_split_sums_to_the_cross_entropy(seed: int, spread: float, other: float, decoding: Decoding) -> None:
    target = decode(logits(seed, spread), (decoding,))
    student = logits(seed + 1, other).log_softmax(-1)
    direct = -(dense(target, VOCABULARY) * student).sum(-1)
    split = loss_split(student, target, decoding.temperature)
    scale = 1 + direct.abs()
    assert ((split.total - direct).abs() < 1e-9 * scale).all()
    assert ((cross_entropy(student, target) - direct).abs() < 1e-9 * scale).all()
    assert (split.support >= -1e-12).all()
    assert (split.anchor >= -1e-9 * scale).all()
    assert (split.constant >= -1e-12).all()


@settings(max_examples=40)
@given(SEEDS, DECODINGS)
def test_reshaping_is_the_renyi_entropy_times_one_less_t(seed: int, decoding: Decoding) -> None:
    target = decode(logits(seed, 2.0), (decoding,))
    student = logits(seed + 1, 2.0).log_softmax(-1)
    head = dense(target, VOCABULARY).gt(0)
    conditional = student.masked_fill(~head, -math.inf).log_softmax(-1)
    temperature = decoding.temperature
    expected = (1 - temperature) * renyi_entropy(conditional, 1 / temperature)
    reshaping = loss_split(student, target, temperature).reshaping
    assert torch.allclose(reshaping, expected, atol=1e-9, rtol=1e-6)


def test_at_the_base_the_anchor_vanishes_and_at_t_1_the_reshaping() -> None:
    base = logits(0, 2.0)
    hot = Decoding(temperature=1.6, top_k=7)
    split = loss_split(base.log_softmax(-1), decode(base, (hot,)), 1.6)
    assert split.anchor.abs().max() < 1e-12
    assert split.support.min() > 0
    plain = Decoding(temperature=1, top_k=7)
    split = loss_split(logits(1, 2.0).log_softmax(-1), decode(base, (plain,)), 1.0)
    assert split.reshaping.abs().max() < 1e-12
    full = loss_split(base.log_softmax(-1), decode(base, (Decoding(temperature=1),)), 1.0)
    assert np.allclose(full.constant, scipy.stats.entropy(base.softmax(-1).numpy(), axis=-1))


def test_ideal_fit_has_zero_divergence_and_keeps_all_mass() -> None:
    target = decode(logits(0, 2.0), (Decoding(temperature=0.7, top_p=0.8),))
    fitted = dense(target, VOCABULARY).log()
    assert divergence(fitted, target).abs().max() < 1e-12
    assert loss_split(fitted, target, 0.7).support.abs().max() < 1e-12
    other = logits(3, 1.0).log_softmax(-1)
    expected = scipy.special.rel_entr(dense(target, VOCABULARY).numpy(), other.exp().numpy()).sum(-1)
    assert np.allclose(divergence(other, target), expected)


def test_a_retained_token_without_mass_costs_infinity_not_nan() -> None:
    target = decode(torch.tensor([2.0, 1.0, 0.0]), (Decoding(temperature=1),))
    model = torch.tensor([0.0, -math.inf, -math.inf]).log_softmax(-1)
    assert cross_entropy(model, target) == math.inf
    assert divergence(model, target) == math.inf


@settings(max_examples=40)
@given(SEEDS, SPREADS, SPREADS, DECODINGS)
def test_entropy_split_sums_to_the_entropy(seed: int, spread: float, other: float, decoding: Decoding) -> None:
    support = decode(logits(seed, spread), (decoding,))
    model = logits(seed + 1, other).log_softmax(-1)
    split = entropy_split(model, support)
    direct = torch.from_numpy(scipy.stats.entropy(model.exp().numpy(), axis=-1))
    assert torch.allclose(split.total, direct, atol=1e-9, rtol=1e-9)
    outside = model.exp() * dense(support, VOCABULARY).eq(0)
    left = outside.sum(-1, keepdim=True)
    tail = left.squeeze(-1) * torch.from_numpy(scipy.stats.entropy(outside.numpy() + 1e-300, axis=-1))
    assert torch.allclose(split.tail, tail, atol=1e-9)
    for term in (split.gate, split.head, split.tail):
        assert (term >= -1e-12).all()


def test_entropy_split_without_a_tail_and_with_a_single_token() -> None:
    model = logits(0, 2.0).log_softmax(-1)
    whole = entropy_split(model, decode(model, (Decoding(temperature=1),)))
    assert whole.gate.abs().max() < 1e-9
    assert whole.tail.abs().max() == 0
    single = entropy_split(model, decode(model, (Decoding(temperature=0),)))
    assert single.head.abs().max() == 0
    certain = torch.tensor([0.0, -math.inf, -math.inf])
    assert entropy_split(certain, decode(certain, (Decoding(temperature=1),))).total == 0


def test_float32_logits_sum_to_1e_6() -> None:
    base = logits(0, 3.0, rows=200, dtype=torch.float32)
    model = logits(1, 3.0, rows=200, dtype=torch.float32).log_softmax(-1)
    for temperature in (0.7, 1.0, 1.0001, 1.6):
        target = decode(base, (Decoding(temperature=temperature, top_k=20, top_p=0.8),))
        split = loss_split(model, target, temperature)
        exact = cross_entropy(model, target)
        assert ((split.total - exact) / exact).abs().max() < 1e-6
        assert (entropy_split(model, target).total - entropy(model)).abs().max() < 1e-6


@settings(max_examples=40)
@given(SEEDS, SPREADS, DECODINGS, st.floats(0.1, 4))
def test_gain_split_is_the_ratio_of_student_and_base(
    seed: int, spread: float, sampling: Decoding, t_eval: float
) -> None:
    base = logits(seed, spread)
    support = decode(base, (sampling,))
    evaluation = Decoding(temperature=t_eval)
    student = dense(decode(base, (sampling, evaluation)), VOCABULARY)
    teacher = dense(decode(base, (evaluation,)), VOCABULARY)
    event = torch.arange(support.token_ids.shape[-1]) == (support.support_sizes - 1).unsqueeze(-1)  # its last token
    token = support.token_ids.gather(-1, support.support_sizes.unsqueeze(-1) - 1)
    split = gain_split(base, support, event, t_train=sampling.temperature, t_eval=t_eval)
    direct = (student.gather(-1, token) / teacher.gather(-1, token)).log().squeeze(-1)
    usable = direct.isfinite()
    assert torch.allclose(split.total[usable], direct[usable], atol=1e-7, rtol=1e-7)


def test_gain_split_limits_of_remark_b4() -> None:
    base = logits(0, 2.0)
    event = torch.zeros(5, VOCABULARY, dtype=torch.bool)
    event[:, 0] = True
    untruncated = decode(base, (Decoding(temperature=1.5),))
    split = gain_split(base, untruncated, event, t_train=1.5, t_eval=0.8)
    assert split.compression.abs().max() < 1e-12
    truncated = decode(base, (Decoding(temperature=1, top_k=5),))
    split = gain_split(base, truncated, event[:, :5], t_train=1.0, t_eval=0.8)
    assert split.reshaping.abs().max() < 1e-12
    assert split.compression.min() > 0


@settings(max_examples=40)
@given(SEEDS, SPREADS, DECODINGS, st.floats(0.1, 4))
def test_ideal_student_at_t_eval_is_the_base_at_the_product_on_the_support(
    seed: int, spread: float, sampling: Decoding, t_eval: float
) -> None:
    """Prop. B.2, from probabilities and powers alone."""
    base = logits(seed, spread)
    student = dense(decode(base, (sampling, Decoding(temperature=t_eval))), VOCABULARY)
    kept = dense(decode(base, (sampling,)), VOCABULARY) > 0
    powered = (base / (sampling.temperature * t_eval)).masked_fill(~kept, -math.inf).softmax(-1)
    assert torch.allclose(student, powered, atol=1e-9)


@pytest.mark.parametrize("order", ORDERS)
@settings(max_examples=40)
@given(seed=SEEDS, spread=SPREADS, decoding=DECODINGS)
def test_every_operator_order_has_the_normal_form(order: tuple, seed: int, spread: float, decoding: Decoding) -> None:
    """Prop. B.5: a prefix of the base's ranking, transformed by the one power 1/T."""
    base = logits(seed, spread, rows=1)[0]
    ranked = decode(base, in_order(decoding, order))
    normal = normal_form(base, int(ranked.support_sizes), decoding.temperature)
    assert ranked.token_ids.tolist() == normal.token_ids.tolist()
    assert torch.allclose(ranked.probabilities, normal.probabilities, atol=1e-9)
    log_odds = np.diff(ranked.logprobs.numpy())
    assert np.allclose(log_odds, np.diff(base[ranked.token_ids].numpy()) / decoding.temperature, atol=1e-7)


def test_orders_differ_in_the_prefix_only_and_the_first_is_the_shared_decoding() -> None:
    base = logits(4, 1.0, rows=1)[0]
    decoding = Decoding(temperature=2.0, top_k=12, top_p=0.8)
    sizes = {order: int(decode(base, in_order(decoding, order)).support_sizes) for order in ORDERS}
    assert len(set(sizes.values())) > 1
    together, apart = decode(base, (decoding,)), decode(base, in_order(decoding, ORDERS[0]))
    assert together.token_ids.tolist() == apart.token_ids.tolist()
    assert torch.allclose(together.logprobs, apart.logprobs)


@settings(max_examples=40)
@given(SEEDS, st.floats(0.01, 20))
def test_renyi_entropy_is_monotone_and_continuous_at_shannon(seed: int, order: float) -> None:
    model = logits(seed, 2.0).log_softmax(-1)
    assert (renyi_entropy(model, order) >= renyi_entropy(model, order + 0.1) - 1e-9).all()
    for near in (1 - 9e-7, 1.0, 1 + 1.1e-6, 1 - 1.1e-6):
        assert torch.allclose(renyi_entropy(model, near), entropy(model), atol=1e-4)
    assert torch.allclose(renyi_entropy(model, 1 + 9.9e-7), renyi_entropy(model, 1 + 1.01e-6), atol=1e-7)
    assert torch.allclose(renyi_entropy(model, 2), -model.exp().pow(2).sum(-1).log())


def test_logit_gradient_is_p_less_q() -> None:
    """Eq. 17: and outside the retained support it is +p, at every token."""
    student = logits(1, 2.0).requires_grad_()
    target = decode(logits(0, 2.0), (Decoding(temperature=1.3, top_k=6),))
    cross_entropy(student.log_softmax(-1), target).sum().backward()
    q = dense(target, VOCABULARY)
    assert torch.allclose(student.grad, student.softmax(-1) - q, atol=1e-12)
    outside = q == 0
    assert (student.grad[outside] > 0).all()


def test_padding_ids_of_a_batch_never_count() -> None:
    """Ids beyond a row's support are arbitrary: here they name the row's best token and a token outside."""
    model = logits(0, 1.0, rows=1).log_softmax(-1)
    exact = Ranked(torch.tensor([[3, 8]]), torch.tensor([[0.7, 0.3]]).log().double())
    ragged = Ranked(torch.tensor([[3, 8, 3, 20]]), torch.tensor([[0.7, 0.3, 0, 0]]).log().double())
    for function in (lambda r: loss_split(model, r, 1.4).total, lambda r: entropy_split(model, r).tail):
        assert torch.allclose(function(exact), function(ragged))
