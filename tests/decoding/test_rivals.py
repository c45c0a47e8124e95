"""Rival rules against transformers' own warpers, the papers' formulas and their invariants."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from scipy import stats as scipy_stats
from transformers.generation.logits_process import (
    MinPLogitsWarper,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from selfdistill.decoding.distribution import decode, dense
from selfdistill.explain.identities import effective_tokens
from selfdistill.recipe.decoding import Decoding, Stage, Stages, label, split_syntax
from selfdistill.recipe.decoding_rules import EntropyTemperature, ForkLock, MinP, PythonSyntax, TopNSigma

STAGES: TypeAdapter[Stages] = TypeAdapter(Stages)
STAGE: TypeAdapter[Stage] = TypeAdapter(Stage)

logit_rows = st.lists(st.floats(-8, 8, width=32), min_size=2, max_size=16)
rules = st.one_of(
    st.builds(MinP, rule=st.just("min-p"), min_p=st.floats(0, 1), temperature=st.floats(0.1, 3)),
    st.builds(TopNSigma, rule=st.just("top-n-sigma"), n=st.floats(0.05, 4), temperature=st.floats(0.1, 3)),
    st.builds(
        EntropyTemperature,
        rule=st.just("entropy-temperature"),
        temperature=st.floats(0.1, 3),
        theta=st.floats(0, 3),
        top_k=st.integers(0, 20),
        top_p=st.floats(0.05, 1),
    ),
    st.builds(
        ForkLock,
        rule=st.just("fork-lock"),
        lock_temperature=st.floats(0, 3),
        fork_temperature=st.floats(0, 3),
        fork_tokens=st.floats(1, 4),
        top_k=st.integers(0, 20),
        top_p=st.floats(0.05, 1),
    ),
    st.builds(Decoding, temperature=st.floats(0.1, 3), top_k=st.integers(0, 20), top_p=st.floats(0.05, 1)),
)


def spread_logits(seed: int = 0) -> torch.Tensor:
    return torch.randn(64, 300, generator=torch.Generator().manual_seed(seed)).double() * 3


def probabilities(logits: torch.Tensor, *stages: Stage) -> torch.Tensor:
    return dense(decode(logits, stages), logits.shape[-1])


@pytest.mark.parametrize("temperature", [0.3, 1.0, 1.7])
@pytest.mark.parametrize("min_p", [0.0, 0.02, 0.1, 0.5, 1.0])
def test_min_p_is_transformers(temperature, min_p):
    logits = spread_logits(1)
    scores = TemperatureLogitsWarper(temperature)(None, logits)
    expected = MinPLogitsWarper(min_p)(None, scores).softmax(-1)
    ours = probabilities(logits, MinP(rule="min-p", min_p=min_p, temperature=temperature))
    torch.testing.assert_close(ours, expected, atol=1e-12, rtol=0)


@pytest.mark.parametrize(
    "rule",
    [
        MinP(rule="min-p", min_p=0.5),
        TopNSigma(rule="top-n-sigma", n=0.5),
        EntropyTemperature(rule="entropy-temperature", temperature=1, theta=0.3, top_p=0.9),
        ForkLock(rule="fork-lock", lock_temperature=0, fork_temperature=1),
    ],
)
def test_only_differences_of_logits_count_and_none_overflows(rule):
    logits = torch.tensor([3.0, 1.0, 2.75, -3.0])
    for shift in (1e3, -1e3):
        torch.testing.assert_close(probabilities(logits + shift, rule), probabilities(logits, rule))


@pytest.mark.parametrize("temperature", [0.3, 1.0, 1.7])
@pytest.mark.parametrize("n", [0.3, 1.0, 2.5])
def test_top_n_sigma_is_its_authors_rule(temperature, n):
    """The authors' code: M, sigma = logits.max(), logits.std(); logits[logits < M - n * sigma] = -inf."""
    logits = spread_logits(2)
    top, sigma = logits.max(-1, keepdim=True).values, logits.std(-1, keepdim=True)
    expected = (logits.masked_fill(logits < top - n * sigma, -math.inf) / temperature).softmax(-1)
    ours = probabilities(logits, TopNSigma(rule="top-n-sigma", n=n, temperature=temperature))
    torch.testing.assert_close(ours, expected, atol=1e-12, rtol=0)
    hotter = probabilities(logits, TopNSigma(rule="top-n-sigma", n=n, temperature=temperature + 1))
    assert ((ours > 0) == (hotter > 0)).all()


def test_top_n_sigma_counts_finite_logits_only():
    row = torch.tensor([4.0, 3.0, 0.0, -1.0], dtype=torch.float64)
    padded = torch.cat([row, torch.full((5,), -math.inf)])
    for n in (0.1, 0.3, 0.42, 0.5, 0.8, 1.2, 1.6, 1.69, 2.0, 2.2):
        rule = TopNSigma(rule="top-n-sigma", n=n)
        torch.testing.assert_close(probabilities(padded, rule)[:4], probabilities(row, rule))
        assert (probabilities(row, rule) > 0).tolist() == (row >= 4 - n * np.std([4, 3, 0, -1], ddof=1)).tolist()
    alone = torch.tensor([2.0, -math.inf])
    assert probabilities(alone, rule).tolist() == [1, 0]


@pytest.mark.parametrize("theta", [0.0, 0.3, 2.0])
def test_entropy_temperature_is_edts_formula(theta):
    """T = T0 * 0.8 ** (theta / H), then transformers' top-k and top-p, row by row."""
    logits = spread_logits(3)
    rule = EntropyTemperature(rule="entropy-temperature", temperature=1.2, theta=theta, top_k=20, top_p=0.9)
    for row, ours in zip(logits, probabilities(logits, rule), strict=True):
        entropy = scipy_stats.entropy(row.softmax(-1).numpy())
        scores = TemperatureLogitsWarper(float(1.2 * 0.8 ** (theta / entropy)))(None, row[None])
        expected = TopPLogitsWarper(0.9)(None, TopKLogitsWarper(20)(None, scores)).softmax(-1)[0]
        torch.testing.assert_close(ours, expected, atol=1e-12, rtol=0)


def test_entropy_temperature_of_a_certain_context_is_greedy():
    certain = torch.tensor([0.0, -400.0, -400.0])
    rule = EntropyTemperature(rule="entropy-temperature", temperature=1.5, theta=0.5)
    assert probabilities(certain, rule).tolist() == [1, 0, 0]
    fixed = rule.model_copy(update={"theta": 0.0})
    assert probabilities(certain, fixed).tolist() == [1, 0, 0]


def test_fork_lock_truncates_then_tempers_by_kind():
    """Each row is two stages of ordinary decoding; which ones, `explain.kinds` says."""
    logits = spread_logits(4) * 2
    rule = ForkLock(rule="fork-lock", lock_temperature=0.4, fork_temperature=1.3)
    first = Decoding(temperature=1, top_k=20, top_p=0.8)
    forks = 0
    for row, ours in zip(logits, probabilities(logits, rule), strict=True):
        fork = bool(effective_tokens(decode(row, (first,))) >= rule.fork_tokens)
        forks += fork
        expected = probabilities(row, first, Decoding(temperature=1.3 if fork else 0.4))
        torch.testing.assert_close(ours, expected, atol=1e-9, rtol=0)
    assert 0 < forks < len(logits)


def test_fork_lock_at_zero_takes_the_top_token():
    rule = ForkLock(rule="fork-lock", lock_temperature=0.0, fork_temperature=1.0)
    assert probabilities(torch.tensor([1.0, 5.0, 0.0]), rule).tolist() == [0, 1, 0]
    mixed = probabilities(torch.tensor([[1.0, 5.0, 0.0], [1.0, 1.1, 1.2]]), rule)
    assert mixed[0].tolist() == [0, 1, 0]
    assert (mixed[1] > 0).sum() == 3


@given(logit_rows, rules, rules)
def test_every_rule_keeps_a_prefix_of_the_ranking_and_its_order(row, first, second):
    """Prefix rigidity (paper B.5), for the first stage and for one after another."""
    logits = torch.tensor(row, dtype=torch.float64)
    for stages in ((first,), (first, second)):
        ranked = decode(logits, stages)
        size = int(ranked.support_sizes)
        kept = ranked.token_ids[:size].tolist()
        threshold = min(row[token] for token in kept)
        # With equal logits top-p may cut between them; none that is larger is ever cut.
        assert all(value <= threshold for token, value in enumerate(row) if token not in kept)
        assert ranked.logprobs.exp().sum().item() == pytest.approx(1)
        assert (ranked.logprobs[:size].diff() <= 1e-9).all()


@given(logit_rows, rules)
def test_rows_do_not_depend_on_their_batch(row, rule):
    logits = torch.tensor(row, dtype=torch.float64)
    other = torch.linspace(-3, 5, len(row), dtype=torch.float64)
    batch = probabilities(torch.stack([other, logits]), rule)
    torch.testing.assert_close(batch[1], probabilities(logits, rule), atol=1e-12, rtol=0)


@given(logit_rows, rules)
def test_greedy_after_any_rule_is_greedy(row, rule):
    logits = torch.tensor(row)
    after = decode(logits, (rule, Decoding(temperature=0)))
    assert logits[after.token_ids[0]] == logits.max()


def test_defaults_are_the_ones_that_are_documented():
    assert MinP(rule="min-p", min_p=0.1).temperature == 1
    assert TopNSigma(rule="top-n-sigma") == TopNSigma(rule="top-n-sigma", n=1, temperature=1)
    entropy = EntropyTemperature(rule="entropy-temperature", temperature=1, theta=0.3)
    assert (entropy.top_k, entropy.top_p) == (0, 1)
    fork_lock = ForkLock(rule="fork-lock", lock_temperature=0, fork_temperature=1)
    assert (fork_lock.fork_tokens, fork_lock.top_k, fork_lock.top_p) == (1.5, 20, 0.8)
    assert PythonSyntax(rule="python-syntax").depth == 8
    assert not any(rule.greedy for rule in (MinP(rule="min-p", min_p=0.1), entropy, fork_lock))
    with pytest.raises(ValidationError, match="frozen"):
        fork_lock.top_k = 3


def test_labels_and_slugs_leave_out_what_is_off():
    entropy = EntropyTemperature(rule="entropy-temperature", temperature=1, theta=0.3)
    deep = PythonSyntax(rule="python-syntax", depth=3)
    assert (entropy.label, entropy.slug) == ("T 1 by entropy (θ 0.3)", "T1-entropy0.3")
    assert (deep.label, deep.slug) == ("Python syntax, depth 3", "syntax3")
    cut = Decoding(temperature=0.7, top_k=1, top_p=0.99)
    assert (cut.label, cut.slug) == ("T 0.7, top-k 1, top-p 0.99", "T0.7-k1-p0.99")


@given(rules)
def test_stages_survive_json(rule):
    assert STAGE.validate_json(STAGE.dump_json(rule)) == rule


def test_a_lone_stage_is_a_list_of_one():
    assert STAGES.validate_python({"temperature": 0.7}) == (Decoding(temperature=0.7),)
    assert STAGES.validate_python({"rule": "min-p", "min_p": 0.1}) == (MinP(rule="min-p", min_p=0.1),)


@pytest.mark.parametrize(
    ("stages", "message"),
    [
        ([], "at least one stage"),
        ([{"rule": "python-syntax"}], "and a stage after it"),
        ([{"temperature": 1}, {"rule": "python-syntax"}, {"temperature": 1}], "python-syntax first"),
        ([{"rule": "min-q"}], "unknown rule"),
        ([{"rule": "min-p", "min_p": 1.5}], "less than or equal to 1"),
        ([{"rule": "top-n-sigma", "n": 0}], "greater than 0"),
        ([{"rule": "fork-lock", "lock_temperature": 0, "fork_temperature": math.inf}], "finite"),
    ],
)
def test_what_cannot_be_decoded_is_refused(stages, message):
    with pytest.raises(ValidationError, match=message):
        STAGES.validate_python(stages)


def test_labels_and_slugs_name_every_setting():
    stages = (
        PythonSyntax(rule="python-syntax"),
        MinP(rule="min-p", min_p=0.1, temperature=1.5),
        TopNSigma(rule="top-n-sigma", n=1, temperature=0.5),
        EntropyTemperature(rule="entropy-temperature", temperature=1, theta=0.3, top_k=20, top_p=0.8),
        ForkLock(rule="fork-lock", lock_temperature=0, fork_temperature=1),
        Decoding(temperature=0.7, top_k=20, top_p=0.8),
    )
    assert label(stages) == (
        "Python syntax → T 1.5, min-p 0.1 → T 0.5, top-1σ → T 1 by entropy (θ 0.3), top-k 20, top-p 0.8 → "
        "T 0 at locks and 1 at forks (1.5), top-k 20, top-p 0.8 → T 0.7, top-k 20, top-p 0.8"
    )
    slugs = [stage.slug for stage in stages]
    assert slugs == [
        "syntax", "T1.5-minp0.1", "T0.5-sigma1", "T1-entropy0.3-k20-p0.8", "locks0-forks1-at1.5-k20-p0.8",
        "T0.7-k20-p0.8",
    ]  # fmt: skip
    assert split_syntax(stages) == (stages[0], stages[1:])
    assert split_syntax(stages[1:]) == (None, stages[1:])
