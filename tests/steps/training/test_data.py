"""What is trained on is what was sampled, id by id; and the soft loss is the loss it claims to be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from selfdistill.engines.base import SparseTargets
from selfdistill.engines.load import load_engine
from selfdistill.errors import UserError
from selfdistill.files import read_records
from selfdistill.models.tokenizers import load_tokenizer
from selfdistill.recipe import load_recipe
from selfdistill.recipe.decoding import Decoding
from selfdistill.records import Prompt, Sample
from selfdistill.steps.sampling.generate import Job, generate_samples
from selfdistill.steps.sampling.targets import read_targets, target_path, write_targets
from selfdistill.steps.training import soft_targets
from selfdistill.steps.training.batches import Collator
from selfdistill.steps.training.data import IGNORED
from selfdistill.steps.training.filter import select_samples
from selfdistill.steps.training.soft import soft_cross_entropy
from selfdistill.steps.training.soft_targets import TargetStore
from selfdistill.steps.training.train import build_data
from tiny_models import make_model

SETTINGS = load_recipe("demo").training


@pytest.fixture(scope="module")
def sampled(tmp_path_factory) -> tuple[Path, list[Prompt], list[Sample]]:
    """Samples of a tiny model, some ended by the model and some cut off."""
    root = tmp_path_factory.mktemp("sampled")
    model = make_model(root / "model")
    recipe = load_recipe("demo", [f"model.path={model}"])
    prompts = [Prompt(f"p{n}", "", tuple(range(40, 43 + n % 7)), "") for n in range(40)]
    job = Job(prompts, 1, (Decoding(temperature=8.0),), 60, (0, "sample"))
    generate_samples(
        job,
        root / "samples.jsonl",
        load_engine=lambda: load_engine(recipe.model, recipe.engine),
        tokenizer=load_tokenizer(str(model)),
        shard_size=16,
        targets_dir=root / "targets",
    )
    return root, prompts, list(read_records(root / "samples.jsonl", Sample))


@pytest.mark.parametrize("targets", ["hard", "soft"])
@pytest.mark.parametrize("packing", [False, True])
def test_a_training_batch_holds_the_sampled_ids_and_no_other(sampled, targets, packing, monkeypatch):
    from trl import pack_dataset

    root, prompts, samples = sampled
    reasons = {sample.finish_reason for sample in samples}
    assert reasons == {"stop", "length"}, "the test needs samples that ended and samples that were cut off"
    recipe = load_recipe("demo", [f"training.targets={targets}", f"model.path={root / 'model'}"])
    dataset, store, counts = build_data(
        recipe.training, prompts, samples, root / "targets", whole_answers=False, seed=recipe.seed
    )
    tokenizer = load_tokenizer(str(root / "model"))
    if packing:
        dataset = pack_dataset(dataset, 512, "bfd")
    monkeypatch.setattr(soft_targets, "WIDEST", 261)
    batch = Collator(tokenizer.pad_token_id, packing, store)(list(dataset))

    by_id = {prompt.prompt_id: prompt for prompt in prompts}
    kept = [sample for sample in samples if sample.text.strip()]
    expected = sorted((by_id[sample.prompt_id].token_ids, sample.token_ids) for sample in kept)
    found = sorted(_split(batch, packing))
    assert found == expected
    assert counts.sequences == len(kept)
    assert counts.truncated == sum(sample.finish_reason == "length" for sample in kept)
    end = tokenizer.eos_token_id
    assert not any(tokenizer.eos_token in sample.text for sample in samples), "for readers, without special tokens"
    learned_ends = int((batch["labels"] == end).sum())
    assert learned_ends == sum(sample.finish_reason == "stop" for sample in kept)
    labels = batch["labels"].flatten()
    assert (batch["positions"] + 1).tolist() == (labels != IGNORED).nonzero().flatten().tolist()
    if targets == "soft":
        mass = batch["target_probabilities"].sum(-1)
        torch.testing.assert_close(mass, torch.ones_like(mass), atol=1e-5, rtol=0)
        drawn = labels[batch["positions"] + 1]
        in_support = (batch["target_ids"] == drawn.unsqueeze(-1)) & (batch["target_probabilities"] > 0)
        assert in_support.any(-1).all(), "every drawn token is in its own target's support"


def _split(batch, packing: bool):
    """Prompts and completions, read back from ids and labels."""
    rows = zip(batch["input_ids"].tolist(), batch["labels"].tolist(), strict=True)
    for number, (ids, labels) in enumerate(rows):
        if packing:
            starts = [i for i, position in enumerate(batch["position_ids"][number].tolist()) if position == 0]
            spans = zip(starts, [*starts[1:], len(ids)], strict=True)
        else:
            spans = [(0, int(batch["attention_mask"][number].sum()))]
        for start, end in spans:
            first = next(i for i in range(start, end) if labels[i] != IGNORED)
            assert labels[first:end] == ids[first:end]
            yield tuple(ids[start:first]), tuple(ids[first:end])


def test_max_length_cuts_the_end_and_is_counted(sampled):
    root, prompts, samples = sampled
    recipe = load_recipe("demo", ["training.max_length=20", f"model.path={root / 'model'}"])
    dataset, _, counts = build_data(
        recipe.training, prompts, samples, root / "targets", whole_answers=False, seed=recipe.seed
    )
    assert max(map(len, dataset["input_ids"])) == 20
    assert all(len(row["input_ids"]) == len(row["labels"]) == len(row["target_rows"]) for row in dataset)
    by_id = {prompt.prompt_id: prompt for prompt in prompts}
    lengths = [len(by_id[s.prompt_id].token_ids) + len(s.token_ids) for s in samples if s.text.strip()]
    assert counts.cut == sum(length > 20 for length in lengths) > 0


def test_without_soft_targets_on_disk_it_is_said_where_they_come_from(tmp_path):
    samples = [Sample("p", 0, (1,), "stop", (0.0,), "return 1")]
    recipe = load_recipe("demo", ["training.targets=soft"])
    with pytest.raises(UserError, match=r"no soft targets were stored .*sample again with training.targets: soft"):
        build_data(recipe.training, [Prompt("p", "", (1,))], samples, tmp_path, whole_answers=False, seed=recipe.seed)


def test_without_a_sample_to_train_on_the_reasons_are_given(tmp_path):
    samples = [Sample("p", index, (0,), "stop", (0.0,), text) for index, text in enumerate(("", "", "pass"))]
    with pytest.raises(UserError, match=r"no sample is left to train on: \{'empty': 2, 'single-line stub': 1\}"):
        build_data(
            load_recipe("demo").training, [Prompt("p", "", (1,))], samples, tmp_path, seed=0, whole_answers=False
        )


@pytest.mark.parametrize(
    ("text", "whole_answers", "reason"),
    [
        ("", False, "empty"),
        (" \n\t\n", True, "empty"),
        ("pass", False, "single-line stub"),
        ("    ...\n", False, "single-line stub"),
        ("    raise NotImplementedError('later')\n", False, "single-line stub"),
        ("    # TODO\n", False, "single-line stub"),
        ("    return None", False, "single-line stub"),
        ("    return [x for x in xs if x > 2]", False, None),
        ("I cannot help with that.", True, "single-line stub"),
        ("```python\nprint(1)\n```", True, None),
        ("def f(x):\n    pass", False, None),
    ],
)
def test_only_degenerate_samples_are_dropped(text, whole_answers, reason):
    sample = Sample("p", 0, (1,), "length", (0.0,), text)
    selection = select_samples([sample], SETTINGS, whole_answers=whole_answers)
    assert selection.dropped == ({reason: 1} if reason else {})
    assert selection.kept == (() if reason else (0,))


def test_other_filters_act_only_where_the_recipe_asks():
    samples = [Sample(f"p{n}", 0, tuple(range(n + 1)), "length" if n % 2 else "stop", (), "a\nb") for n in range(10)]
    assert select_samples(samples, SETTINGS, whole_answers=True).kept == tuple(range(10))
    asked = SETTINGS.model_copy(update={"drop_truncated": True, "drop_shortest": 0.4})
    selection = select_samples(samples, asked, whole_answers=True)
    assert selection.kept == (4, 6, 8)
    assert selection.dropped == {"truncated": 5, "shortest": 2}


def test_a_limit_draws_a_subset_and_a_smaller_one_is_part_of_it():
    samples = [Sample(f"p{n // 2}", n % 2, (1,), "stop", (), "a\nb") for n in range(40)]
    samples[3] = Sample("p1", 1, (1,), "stop", (), "")

    def kept(limit: int, seed: int = 0):
        return select_samples(samples, SETTINGS.model_copy(update={"limit": limit}), whole_answers=True, seed=seed)

    ten, twenty = kept(10), kept(20)
    assert (len(ten.kept), ten.dropped) == (10, {"empty": 1, "over the limit": 29})
    assert list(ten.kept) == sorted(ten.kept)
    assert set(ten.kept) < set(twenty.kept)
    assert 3 not in twenty.kept
    assert ten.kept != kept(10, seed=1).kept
    assert len({index // 2 for index in ten.kept}) > 5, "drawn from all over, both samples of a prompt by themselves"
    for limit in (39, 40):
        assert kept(limit).dropped == {"empty": 1}
    without = [sample for index, sample in enumerate(samples) if index != ten.kept[0]]
    settings = SETTINGS.model_copy(update={"limit": 9})
    fewer = {without[index] for index in select_samples(without, settings, whole_answers=True).kept}
    assert fewer == {samples[index] for index in ten.kept[1:]}, "who is drawn does not depend on the others"


@given(st.integers(2, 30), st.integers(1, 8), st.integers(0, 2**31))
def test_one_hot_soft_targets_are_the_hard_loss(vocabulary, positions, seed):
    draws = torch.Generator().manual_seed(seed)
    logits = torch.randn(positions, vocabulary, generator=draws) * 5
    tokens = torch.randint(vocabulary, (positions,), generator=draws)
    one_hot = torch.ones(positions, 1)
    soft = soft_cross_entropy(logits, tokens.unsqueeze(1), one_hot)
    hard = torch.nn.functional.cross_entropy(logits, tokens, reduction="sum")
    torch.testing.assert_close(soft, hard, atol=1e-4, rtol=1e-5)


@given(st.integers(0, 2**31))
def test_soft_loss_equals_torchs_for_dense_targets_with_gradient_p_minus_q(seed):
    draws = torch.Generator().manual_seed(seed)
    logits = torch.randn(5, 12, generator=draws, requires_grad=True)
    token_ids = torch.stack([torch.randperm(12, generator=draws)[:4] for _ in range(5)])
    probabilities = torch.rand(5, 4, generator=draws)
    probabilities[2, 2:] = 0  # padding
    probabilities = probabilities / probabilities.sum(-1, keepdim=True)
    dense = torch.zeros(5, 12).scatter_add(1, token_ids, probabilities)
    loss = soft_cross_entropy(logits, token_ids, probabilities)
    torch.testing.assert_close(loss, torch.nn.functional.cross_entropy(logits, dense, reduction="sum"))
    (gradient,) = torch.autograd.grad(loss, logits)
    torch.testing.assert_close(gradient, logits.softmax(-1) - dense, atol=1e-6, rtol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_soft_loss_is_computed_in_float32_whatever_the_logits_are(dtype):
    """Against float64, on logits that half precision holds and whose sums of exponentials it does not."""
    draws = torch.Generator().manual_seed(0)
    logits = (torch.randn(50, 400, generator=draws) * 4).to(dtype)
    token_ids = torch.randint(400, (50, 3), generator=draws)
    probabilities = torch.tensor([[0.7, 0.2, 0.1]]).expand(50, 3)
    expected = -(probabilities.double() * logits.double().log_softmax(-1).gather(1, token_ids)).sum()
    loss = soft_cross_entropy(logits, token_ids, probabilities)
    assert loss.dtype is torch.float32
    assert float(loss) == pytest.approx(float(expected), rel=1e-6)


def test_soft_loss_of_large_logits_is_finite():
    logits = torch.tensor([[1e5, 0.0, -1e5]])
    loss = soft_cross_entropy(logits, torch.tensor([[0, 1]]), torch.tensor([[0.5, 0.5]]))
    assert float(loss) == pytest.approx(0.5e5)


@given(st.lists(st.lists(st.integers(1, 5), min_size=1, max_size=6), min_size=1, max_size=5), st.integers(0, 99))
def test_targets_survive_the_disk_and_are_found_by_position(shapes, seed):
    import tempfile

    draws = np.random.default_rng(seed)
    targets = [
        SparseTargets(
            np.array(sizes, dtype=np.int32),
            draws.integers(0, 500, sum(sizes)).astype(np.int32),
            draws.random(sum(sizes)).astype(np.float32),
        )
        for sizes in shapes
    ]
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        write_targets(target_path(directory, 0), targets[:2])
        if targets[2:]:
            write_targets(target_path(directory, 1), targets[2:])
        read = list(read_targets(directory))
    assert [target.probabilities.tolist() for target in read] == [target.probabilities.tolist() for target in targets]
    store = TargetStore.of(read)
    position = 0
    for target in targets:
        start = 0
        for size in target.support_sizes:
            ids, probabilities = store.lookup(np.array([position, -1]))
            assert ids[0, :size].tolist() == target.token_ids[start : start + size].tolist()
            assert probabilities[0, :size].tolist() == target.probabilities[start : start + size].tolist()
            assert not probabilities[0, size:].any()
            assert not probabilities[1].any()
            start += size
            position += 1
