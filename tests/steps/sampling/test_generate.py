"""Generation by shards: what is on disk after any interruption is what an undisturbed run would have put there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from selfdistill.engines.base import SparseTargets
from selfdistill.engines.load import load_engine
from selfdistill.files import read_records
from selfdistill.models.tokenizers import load_tokenizer
from selfdistill.recipe.decoding import Decoding
from selfdistill.recipe.engine import EngineSettings
from selfdistill.recipe.model import ModelSettings
from selfdistill.records import Prompt, Sample
from selfdistill.steps.sampling.generate import Job, generate_samples
from selfdistill.steps.sampling.targets import read_targets, target_path, write_targets
from tiny_models import make_model

PROMPTS = [Prompt(f"p{n}", "", tuple(range(40, 44 + n % 5)), "") for n in range(11)]
JOB = Job(PROMPTS, 2, (Decoding(temperature=1.2, top_k=30),), 8, (5, "sample"))
SHARD = 6


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    directory = make_model(tmp_path_factory.mktemp("model"))
    settings = ModelSettings(path=str(directory), device="cpu")
    return load_engine(settings, EngineSettings(batch_size=4)), load_tokenizer(str(directory))


def generate(model, directory, job=JOB, engine=None, progress=None):
    engine = engine or model[0]
    generate_samples(
        job,
        directory / "samples.jsonl",
        load_engine=lambda: engine,
        tokenizer=model[1],
        shard_size=SHARD,
        targets_dir=directory / "targets",
        progress=progress,
    )
    return (directory / "samples.jsonl").read_bytes()


@pytest.fixture(scope="module")
def undisturbed(model, tmp_path_factory) -> bytes:
    return generate(model, tmp_path_factory.mktemp("undisturbed"))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_cut_anywhere_and_started_again_it_ends_the_same(model, undisturbed, tmp_path_factory, data):
    directory = tmp_path_factory.mktemp("cut")
    cut = data.draw(st.integers(0, len(undisturbed)))
    (directory / "samples.jsonl").write_bytes(undisturbed[:cut])
    assert generate(model, directory) == undisturbed


def test_samples_come_in_order_and_their_targets_with_them(model, tmp_path):
    generate(model, tmp_path)
    samples = list(read_records(tmp_path / "samples.jsonl", Sample))
    assert [(s.prompt_id, s.sample_index) for s in samples] == [(p.prompt_id, i) for p in PROMPTS for i in range(2)]
    targets = list(read_targets(tmp_path / "targets"))
    assert [len(t.support_sizes) for t in targets] == [len(s.token_ids) for s in samples]
    assert samples[0].token_ids != samples[1].token_ids


def test_a_prompts_sample_does_not_depend_on_the_other_prompts(model, undisturbed, tmp_path):
    fewer = Job(PROMPTS[3:5], 2, JOB.stages, JOB.max_new_tokens, JOB.stream)
    generate(model, tmp_path, fewer)
    alone = {(s.prompt_id, s.sample_index): s.token_ids for s in read_records(tmp_path / "samples.jsonl", Sample)}
    path = tmp_path / "all.jsonl"
    path.write_bytes(undisturbed)
    together = {(s.prompt_id, s.sample_index): s.token_ids for s in read_records(path, Sample)}
    assert all(together[key] == ids for key, ids in alone.items())


def pretend_targets(directory: Path, shards: int) -> None:
    for shard in range(shards):
        one = SparseTargets(np.array([1]), np.array([0]), np.array([1.0]))
        write_targets(target_path(directory / "targets", shard), [one])


def test_a_shard_that_has_lost_its_targets_gets_them_again_and_the_samples_stay(model, undisturbed, tmp_path):
    generate(model, tmp_path)
    lost = target_path(tmp_path / "targets", 1)
    whole = lost.read_bytes()
    for left in (None, whole[:-1], whole[:-9] + b"x" + whole[-8:]):
        lost.unlink()
        if left is not None:
            lost.write_bytes(left)
        assert generate(model, tmp_path) == undisturbed
        assert lost.read_bytes() == whole


def told(model, directory, job=JOB, engine=None) -> list[tuple[int, ...]]:
    """What progress is told of."""
    steps: list[tuple[int, ...]] = []
    generate(model, directory, job, engine, progress=lambda *step: steps.append(step))
    return steps


def test_progress_counts_what_was_there_and_what_is_made(model, undisturbed, tmp_path):
    lines = undisturbed.splitlines(keepends=True)
    (tmp_path / "samples.jsonl").write_bytes(b"".join(lines[:8]))
    pretend_targets(tmp_path, 2)
    steps = told(model, tmp_path)
    assert steps[0][:2] == (6, 0), "the second shard is generated whole again"
    assert sum(finished for finished, *_ in steps) == JOB.size == 22
    samples = list(read_records(tmp_path / "samples.jsonl", Sample))
    assert sum(tokens for _, tokens, *_ in steps) == sum(len(sample.token_ids) for sample in samples[6:])


def test_what_is_finished_needs_no_engine(model, undisturbed, tmp_path):
    (tmp_path / "samples.jsonl").write_bytes(undisturbed)
    pretend_targets(tmp_path, 4)

    class Untouchable:
        def __getattr__(self, name):
            raise AssertionError(name)

    assert [step[:2] for step in told(model, tmp_path, engine=Untouchable())] == [(22, 0)]
    assert (tmp_path / "samples.jsonl").read_bytes() == undisturbed


def test_an_engine_of_several_machines_is_given_all_shards_at_once(model, undisturbed, tmp_path):
    class Cluster:
        context = model[0].context

        def generate_shards(self, shards, **how):
            return iter([model[0].generate(shard, **how) for shard in shards])

    assert generate(model, tmp_path, engine=Cluster()) == undisturbed


def test_greedy_is_generated_once_a_prompt_and_counted_in_full(model, tmp_path):
    class Counting:
        context = model[0].context
        requests = 0

        def generate(self, requests, **options):
            Counting.requests += len(requests)
            return model[0].generate(requests, **options)

    greedy = Job(PROMPTS[:3], 2, (Decoding(temperature=0),), 8, (5, "evaluate"))
    assert sum(finished for finished, *_ in told(model, tmp_path, greedy, Counting())) == 6
    samples = list(read_records(tmp_path / "samples.jsonl", Sample))
    assert len(samples) == 6
    assert Counting.requests == 3
    assert all(first.token_ids == second.token_ids for first, second in zip(samples[::2], samples[1::2], strict=True))
