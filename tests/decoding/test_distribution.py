"""Decoding against other implementations, closed forms and its invariants."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats
from transformers.generation.logits_process import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

from selfdistill.decoding import distribution
from selfdistill.decoding.distribution import HEAD, decode, dense, draw, draw_from, drawn, further, logprob_of
from selfdistill.errors import UserError
from selfdistill.recipe.decoding import Decoding, label
from selfdistill.seeds import UniformRows, generator

decodings = st.builds(
    Decoding,
    temperature=st.floats(0.1, 3.0),
    top_k=st.integers(0, 20),
    top_p=st.floats(0.05, 1.0),
)
logit_rows = st.lists(st.floats(-8, 8, width=32), min_size=2, max_size=16)


def transformers_probabilities(logits: torch.Tensor, decoding: Decoding) -> torch.Tensor:
    scores = TemperatureLogitsWarper(decoding.temperature)(None, logits)
    if decoding.top_k:
        scores = TopKLogitsWarper(decoding.top_k)(None, scores)
    if decoding.top_p < 1:
        scores = TopPLogitsWarper(decoding.top_p)(None, scores)
    return scores.softmax(-1)


def vllm_probabilities(logits: torch.Tensor, decoding: Decoding) -> torch.Tensor:
    """vLLM 0.11's documented sampler: sort ascending, mask below the k-th, mask while the ascending mass <= 1 - p."""
    values, order = (logits / decoding.temperature).sort(dim=-1, stable=True)
    vocabulary = values.shape[-1]
    if 0 < decoding.top_k < vocabulary:
        kth = values[..., vocabulary - decoding.top_k].unsqueeze(-1)
        values = values.masked_fill(values < kth, -math.inf)
    if decoding.top_p < 1:
        mask = values.softmax(-1).cumsum(-1) <= 1 - decoding.top_p
        mask[..., -1] = False
        values = values.masked_fill(mask, -math.inf)
    return torch.empty_like(values).scatter_(-1, order, values).softmax(-1)


@pytest.mark.parametrize("reference", [transformers_probabilities, vllm_probabilities])
@pytest.mark.parametrize("temperature", [0.3, 0.7, 1.0, 1.6])
@pytest.mark.parametrize("top_k", [0, 1, 5, 20, 5000])
@pytest.mark.parametrize("top_p", [0.1, 0.8, 0.95, 1.0])
def test_agrees_with_other_implementations(reference, temperature, top_k, top_p):
    logits = torch.randn(64, 300, generator=torch.Generator().manual_seed(top_k)).double() * 3
    decoding = Decoding(temperature=temperature, top_k=top_k, top_p=top_p)
    ours = dense(decode(logits, (decoding,)), 300)
    torch.testing.assert_close(ours, reference(logits, decoding), atol=1e-12, rtol=0)


HALVES = torch.tensor([1 / 2, 1 / 4, 1 / 8, 1 / 8]).log()
"""Probabilities and their sums are exact in float32."""


@pytest.mark.parametrize(("top_p", "kept"), [(0.25, 1), (0.5, 1), (0.51, 2), (0.75, 2), (0.875, 3), (0.9, 4), (1.0, 4)])
def test_a_prefix_whose_mass_is_top_p_itself_is_enough(top_p, kept):
    decoding = Decoding(temperature=1, top_p=top_p)
    expected = HALVES[:kept].softmax(0)
    ours = decode(HALVES, (decoding,))
    assert ours.token_ids.tolist() == list(range(kept))
    torch.testing.assert_close(ours.probabilities, expected)
    for theirs in (vllm_probabilities(HALVES, decoding), transformers_probabilities(HALVES[None], decoding)[0]):
        # Which of the two equal tokens they keep is their own.
        torch.testing.assert_close(theirs.sort(descending=True).values[:kept], expected)


@given(logit_rows, decodings)
def test_support_is_the_smallest_prefix_of_the_ranking_that_reaches_top_p(row, decoding):
    logits = torch.tensor(row, dtype=torch.float64)
    ranked = decode(logits, (decoding,))
    retained = sorted(ranked.token_ids.tolist())
    threshold = min(row[token] for token in retained)
    assert all(value <= threshold for token, value in enumerate(row) if token not in retained)

    kept_by_top_k = (logits / decoding.temperature).double()
    if 0 < decoding.top_k < len(row):
        kth = sorted(row, reverse=True)[decoding.top_k - 1]
        kept_by_top_k = kept_by_top_k.masked_fill(logits < kth, -math.inf)
    falling = kept_by_top_k.softmax(-1).sort(descending=True).values
    size = len(retained)
    assert falling[:size].sum() >= decoding.top_p - 1e-9
    assert size == 1 or falling[: size - 1].sum() < decoding.top_p + 1e-9
    assert ranked.probabilities.sum().item() == pytest.approx(1)
    assert (ranked.logprobs.diff() <= 1e-12).all()


@given(logit_rows, st.floats(0.2, 3), st.floats(0.2, 3))
def test_temperatures_compose_on_a_fixed_support(row, first, second):
    """Lemma B.1: Temper_a[Temper_b[p]] = Temper_ab[p]."""
    logits = torch.tensor(row, dtype=torch.float64)
    two = decode(logits, (Decoding(temperature=first), Decoding(temperature=second)))
    one = decode(logits, (Decoding(temperature=first * second),))
    torch.testing.assert_close(dense(two, len(row)), dense(one, len(row)), atol=1e-9, rtol=0)


@given(logit_rows, decodings, decodings)
def test_two_stages_equal_decoding_the_first_stages_result_as_a_model(row, first, second):
    """The ideal-fit preview: a student that is q_s, decoded with `second`."""
    logits = torch.tensor(row, dtype=torch.float64)
    # The two ways round differently: keep away from ties, and from cumulative masses that are top-p itself.
    assume(float(logits.sort().values.diff().min()) > 1e-6)
    untruncated = second.model_copy(update={"top_p": 1.0})
    mass = decode(logits, (first, untruncated)).probabilities.cumsum(-1)
    assume(float((mass - second.top_p).abs().min()) > 1e-9)
    student_logits = dense(decode(logits, (first,)), len(row)).log()
    preview = decode(logits, (first, second))
    student = decode(student_logits, (second,))
    torch.testing.assert_close(dense(preview, len(row)), dense(student, len(row)), atol=1e-9, rtol=0)


@pytest.mark.parametrize("temperature", [0.0, 1e-6, 9.9e-6])
def test_below_the_threshold_it_is_argmax_and_nothing_else(temperature):
    logits = torch.tensor([[0.0, 5.0, 5.0], [9.0, 1.0, 2.0]])
    ranked = decode(logits, (Decoding(temperature=temperature, top_k=2, top_p=0.5),))
    assert ranked.token_ids.tolist() == [[1], [0]]
    assert ranked.logprobs.tolist() == [[0.0], [0.0]]


def test_from_the_threshold_on_it_is_a_temperature():
    """vLLM's `_SAMPLING_EPS` is 1e-5, and what is smaller is greedy."""
    assert [Decoding(temperature=t).greedy for t in (0, 9.99e-6, 1e-5, 0.1)] == [True, True, False, False]
    assert decode(torch.tensor([1.0, 1.0, 0.0]), (Decoding(temperature=1e-5),)).probabilities.tolist() == [
        0.5,
        0.5,
        0.0,
    ]


def test_nothing_is_cut_unless_it_is_asked_for():
    assert Decoding(temperature=1) == Decoding(temperature=1, top_k=0, top_p=1)
    logits = torch.randn(50, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(dense(decode(logits, (Decoding(temperature=1),)), 50), logits.softmax(0))
    with pytest.raises(ValueError, match="frozen"):
        Decoding(temperature=1).temperature = 2


def test_greedy_second_stage_takes_the_first_of_the_ranking():
    ranked = decode(torch.tensor([0.0, 3.0, 2.0]), (Decoding(temperature=0.9), Decoding(temperature=0)))
    assert dense(ranked, 3).tolist() == [0, 1, 0]


def test_top_k_keeps_ties_with_the_kth():
    ranked = decode(torch.tensor([1.0, 3.0, 2.0, 2.0, 0.0]), (Decoding(temperature=1, top_k=2),))
    assert sorted(ranked.token_ids.tolist()) == [1, 2, 3]


@given(
    st.lists(st.integers(0, 6), min_size=2, max_size=40),
    st.integers(1, 12),
    st.sampled_from([1.0, 0.7]),
)
def test_ties_are_ranked_by_id_as_a_stable_sort_does(row, top_k, top_p):
    logits = torch.tensor(row, dtype=torch.bfloat16)
    ranked = decode(logits, (Decoding(temperature=0.7, top_k=top_k, top_p=top_p),))
    expected = logits.float().sort(descending=True, stable=True).indices
    retained = int(ranked.support_sizes)
    assert ranked.token_ids[:retained].tolist() == expected[:retained].tolist()


def test_many_tied_tokens_are_ranked_by_id():
    """A sort that is not stable keeps the order of a few equal values by chance, and not of thousands."""
    logits = torch.randint(0, 5, (2, 20_000), generator=torch.Generator().manual_seed(0)).float()
    expected = np.argsort(-logits.numpy(), axis=-1, kind="stable")
    assert decode(logits, (Decoding(temperature=1),)).token_ids.tolist() == expected.tolist()


@pytest.mark.parametrize(
    "stages",
    [
        (Decoding(temperature=0),),
        (Decoding(temperature=0.7, top_k=5),),
        (Decoding(temperature=0.7, top_p=0.8),),
        (Decoding(temperature=0.7, top_k=8), Decoding(temperature=1.2, top_k=3, top_p=0.9)),
        (Decoding(temperature=0.7, top_k=8), Decoding(temperature=1, top_k=1)),
        (Decoding(temperature=0.7, top_k=8), Decoding(temperature=0)),
    ],
)
def test_leading_axes_are_rows_of_their_own(stages):
    logits = torch.randn(3, 2, 4, 30, generator=torch.Generator().manual_seed(1)).double()
    whole = dense(decode(logits, stages), 30)
    rows = torch.stack([dense(decode(row, stages), 30) for row in logits.reshape(-1, 30)]).reshape(logits.shape)
    torch.testing.assert_close(whole, rows, atol=1e-12, rtol=0)
    if stages[-1].top_k:
        assert (whole > 0).sum(-1).max() == stages[-1].top_k
    assert decode(logits[:0], stages).token_ids.shape[:3] == (0, 2, 4)


@given(logit_rows, decodings, decodings)
def test_a_further_stage_is_the_second_of_two(row, first, second):
    logits = torch.tensor(row, dtype=torch.float64)
    two, later = decode(logits, (first, second)), further(decode(logits, (first,)), second)
    assert later.token_ids.tolist() == two.token_ids.tolist()
    assert later.logprobs.tolist() == two.logprobs.tolist()


def test_log_probabilities_of_given_tokens_are_those_of_the_whole_vocabulary():
    logits = torch.randn(40, 5, 30, generator=torch.Generator().manual_seed(2)).double()
    ranked = decode(logits, (Decoding(temperature=0.9, top_k=12, top_p=0.9),))
    tokens = torch.randint(30, (40, 5), generator=torch.Generator().manual_seed(3))
    expected = dense(ranked, 30).gather(-1, tokens.unsqueeze(-1)).squeeze(-1)
    found = logprob_of(ranked, tokens)
    assert found.shape == (40, 5)
    torch.testing.assert_close(found.exp(), expected)
    assert 0 < int(torch.isneginf(found).sum()) < found.numel()


def test_half_precision_logits_are_computed_in_float32():
    logits = torch.randn(4, 50).bfloat16()
    assert decode(logits, (Decoding(temperature=0.7),)).logprobs.dtype is torch.float32


def test_draws_follow_the_distribution():
    logits = torch.randn(12, generator=torch.Generator().manual_seed(3)).double()
    ranked = decode(logits, (Decoding(temperature=1.3, top_p=0.9),))
    count = 40_000
    rows = type(ranked)(ranked.token_ids.expand(count, -1), ranked.logprobs.expand(count, -1))
    tokens, logprobs = draw(rows, torch.tensor(generator(0, "test").random(count)))
    expected = dense(ranked, 12)
    observed = torch.bincount(tokens, minlength=12)
    assert observed[expected == 0].sum() == 0
    support = expected > 0
    assert stats.chisquare(observed[support], expected[support] * count).pvalue > 1e-3
    torch.testing.assert_close(logprobs.exp(), expected[tokens])


@pytest.mark.parametrize(
    ("uniform", "token"),
    [(0.0, 0), (np.nextafter(0.5, 0), 0), (0.5, 1), (np.nextafter(0.75, 0), 1), (0.75, 2), (0.875, 3), (0.999, 3)],
)
def test_a_token_is_drawn_from_its_sum_up_to_and_without_the_next(uniform, token):
    """Token i is drawn on [P(i - 1), P(i)), so that each has exactly its probability of the numbers in [0, 1)."""
    ranked = decode(HALVES, (Decoding(temperature=1),))
    token_id, logprob = draw(ranked, torch.tensor(uniform))
    assert (int(token_id), float(logprob)) == (token, pytest.approx(math.log([1 / 2, 1 / 4, 1 / 8, 1 / 8][token])))


def test_uniforms_at_the_edges_stay_inside_the_support():
    ranked = decode(torch.randn(2, 30), (Decoding(temperature=1, top_p=0.5),))
    tokens, logprobs = draw(ranked, torch.tensor([0.0, np.nextafter(1.0, 0.0)]))
    assert torch.isfinite(logprobs).all()
    assert tokens[0] == ranked.token_ids[0, 0]


def test_a_uniform_that_was_rounded_to_one_draws_the_last_retained_token():
    """float32 has no number between 1 - 2**-24 and 1; beyond a row's support there are only arbitrary ids."""
    logits = torch.randn(50, 40, generator=torch.Generator().manual_seed(0))
    ranked = decode(logits, (Decoding(temperature=1, top_p=0.8),))
    assert ranked.support_sizes.unique().numel() > 3
    tokens, logprobs = drawn(ranked, torch.ones(50))
    assert tokens.tolist() == ranked.token_ids.gather(-1, ranked.support_sizes[:, None] - 1).squeeze(-1).tolist()
    assert torch.isfinite(logprobs).all()


def peaked(rows: int, vocabulary: int) -> torch.Tensor:
    """Logits (rows, V) with a few probable tokens each, as a language model's: some rows nearly flat, some certain."""
    noise = torch.Generator().manual_seed(0)
    logits = torch.randn(rows, vocabulary, generator=noise, dtype=torch.float64)
    height = torch.linspace(0, 20, rows, dtype=torch.float64).unsqueeze(-1)
    return logits + height * (torch.rand(rows, vocabulary, generator=noise, dtype=torch.float64) < 15 / vocabulary)


@pytest.mark.parametrize(
    ("stages", "wholly_ranked"),
    [
        ((Decoding(temperature=0.8),), range(1, 100)),
        ((Decoding(temperature=0.7, top_p=0.8),), range(1, 100)),
        ((Decoding(temperature=3),), range(150, 400)),
        ((Decoding(temperature=1, top_k=20, top_p=0.9),), [400]),
        ((Decoding(temperature=0),), [400]),
        ((Decoding(temperature=1.6), Decoding(temperature=0.5)), range(1, 100)),
        ((Decoding(temperature=1.6), Decoding(temperature=0.5, top_k=20)), [400]),
        ((Decoding(temperature=1.6), Decoding(temperature=0)), [400]),
        ((Decoding(temperature=1.6, top_p=0.9), Decoding(temperature=0.5)), [400]),
    ],
    ids=lambda value: label(value) if isinstance(value, tuple) else "",
)
@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_a_draw_from_the_head_is_the_draw_from_the_whole_ranking(monkeypatch, stages, wholly_ranked, dtype):
    """In bfloat16 many tokens tie, also with the last of the head."""
    logits = peaked(400, 6 * HEAD).to(dtype)
    logits[::7, HEAD // 3 :] = -math.inf  # as under a constraint: fewer tokens than the head has places
    uniforms = torch.tensor(generator(0, "head").random(400))
    rows = []

    def counted(logits, stages):
        rows.append(len(logits))
        return decode(logits, stages)

    monkeypatch.setattr(distribution, "decode", counted)
    tokens, logprobs = draw_from(logits, stages, uniforms)
    expected_tokens, expected_logprobs = drawn(decode(logits, stages), uniforms)
    assert torch.equal(tokens, expected_tokens)
    torch.testing.assert_close(logprobs, expected_logprobs, rtol=1e-5, atol=1e-5)
    assert sum(rows) in wholly_ranked


def test_the_head_has_the_normaliser_of_the_whole_vocabulary():
    """In float32 too: a sum over 152,000 sorted numbers loses digits, which the whole ranking's does."""
    logits, uniforms = peaked(64, 152_000)[32:].float(), torch.tensor(generator(0, "head").random(32))
    stages = (Decoding(temperature=0.8),)
    exact_tokens, exact = drawn(decode(logits.double(), stages), uniforms)
    tokens, logprobs = draw_from(logits, stages, uniforms)
    _, from_whole = drawn(decode(logits, stages), uniforms)
    same = tokens == exact_tokens
    assert same.sum() >= 31
    error, error_of_whole = ((found - exact)[same].abs().max() for found in (logprobs, from_whole))
    print(f"largest error of a log-probability: {error:.1e}; of the whole ranking {error_of_whole:.1e}")
    assert error < 5e-6


@pytest.mark.parametrize("decoding", [Decoding(temperature=1), Decoding(temperature=1, top_p=0.8)])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_draw_refuses_logits_that_are_no_numbers(decoding, value):
    logits = peaked(4, 6 * HEAD)
    logits[2, 5] = value
    with pytest.raises(UserError, match="the model's logits are nan or infinite"):
        draw_from(logits, (decoding,), torch.rand(4))


@settings(max_examples=20)
@given(st.permutations(range(5)))
def test_a_rows_uniforms_do_not_depend_on_its_neighbours(order):
    alone = [generator(7, "row", row).random(200) for row in range(5)]
    rows = UniformRows([generator(7, "row", row) for row in order])
    for step in range(200):
        if step == 70:
            rows.keep(np.array([3, 1]))
            order = [order[3], order[1]]
        assert rows.next().tolist() == [alone[row][step] for row in order]


def test_label():
    assert label((Decoding(temperature=0.7, top_k=20, top_p=0.8), Decoding(temperature=0))) == (
        "T 0.7, top-k 20, top-p 0.8 → greedy"
    )


@pytest.mark.parametrize(
    "bad",
    [
        {"temperature": -1},
        {"temperature": math.nan},
        {"temperature": math.inf},
        {"temperature": 1, "top_p": 0},
        {"temperature": 1, "top_p": 1.5},
        {"temperature": 1, "top_k": -3},
        {"temperature": 1, "min_q": 1},
    ],
)
def test_settings_out_of_range_are_refused(bad):
    with pytest.raises(ValueError):
        Decoding(**bad)
