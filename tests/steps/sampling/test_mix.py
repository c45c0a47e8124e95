"""Samples of an earlier run in place of new ones: which prompts keep them, and that they are kept whole."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from selfdistill.directory import RunDirectory
from selfdistill.engines.load import load_engine
from selfdistill.errors import UserError
from selfdistill.files import append_records, read_records
from selfdistill.models.tokenizers import load_tokenizer
from selfdistill.recipe.decoding import Decoding
from selfdistill.recipe.engine import EngineSettings
from selfdistill.recipe.model import ModelSettings
from selfdistill.records import Prompt, Sample
from selfdistill.steps.sampling.generate import Job, generate_samples
from selfdistill.steps.sampling.mix import _stored, mixed
from selfdistill.steps.sampling.targets import read_targets
from tiny_models import make_model

PROMPTS = [Prompt(f"p{n}", "", tuple(range(40, 44 + n % 5))) for n in range(10)]


@dataclass
class Watched:
    """A real engine that remembers what it was asked for."""

    engine: Any
    asked: list[tuple[str, int]] = field(default_factory=list)

    @property
    def context(self) -> int:
        return self.engine.context

    def generate(self, requests, **how):
        self.asked += [request.stream[-2:] for request in requests]
        return self.engine.generate(requests, **how)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = make_model(tmp_path_factory.mktemp("model"))
    engine = load_engine(ModelSettings(path=str(path), device="cpu"), EngineSettings(batch_size=8))
    return engine, load_tokenizer(str(path))


def sample(model, directory: Path, load, stage: str, progress=None) -> tuple[list[Sample], list]:
    run = RunDirectory(directory)
    job = Job(PROMPTS, 2, (Decoding(temperature=1.3, top_k=30),), 6, (0, stage))
    generate_samples(job, run.samples, load_engine=load, tokenizer=model[1], shard_size=6, targets_dir=run.targets,
                     progress=progress)  # fmt: skip
    return list(read_records(run.samples, Sample)), list(read_targets(run.targets))


@pytest.fixture(scope="module")
def first(model, tmp_path_factory):
    """An earlier run's directory, samples and targets."""
    directory = tmp_path_factory.mktemp("first")
    return directory, *sample(model, directory, lambda: model[0], "sample")


def test_some_prompts_keep_all_their_samples_with_their_targets(model, first, tmp_path):
    directory, old, old_targets = first
    watched = Watched(model[0])
    load = mixed(lambda: watched, str(directory), 0.5, 3, targets=True)
    told = np.zeros(2, int)

    def progress(finished: int, tokens: int, cut_off: int = 0) -> None:
        told[:] += finished, tokens

    new, targets = sample(model, tmp_path, load, "sample of round 2", progress)
    assert load().context == model[0].context
    keys = [(each.prompt_id, each.sample_index) for each in old]
    assert [(each.prompt_id, each.sample_index) for each in new] == keys
    kept = [key for key in keys if key not in watched.asked]
    assert len({prompt for prompt, _ in kept}) * 2 == len(kept), "a prompt keeps all of its samples or none"
    assert 4 <= len(kept) <= 16
    fresh, _ = sample(model, tmp_path / "fresh", lambda: model[0], "sample of round 2")
    for n, key in enumerate(keys):
        if key in kept:
            assert new[n] == old[n]
            assert targets[n].token_ids.tolist() == old_targets[n].token_ids.tolist()
            assert targets[n].probabilities.tolist() == old_targets[n].probabilities.tolist()
        else:
            assert new[n].token_ids == fresh[n].token_ids != old[n].token_ids
    tokens = sum(len(each.token_ids) for n, each in enumerate(new) if keys[n] not in kept)
    assert told.tolist() == [20, tokens], "kept samples are finished, and cost no tokens"


def test_a_share_of_one_asks_for_nothing(model, first, tmp_path):
    directory, old, _ = first
    watched = Watched(model[0])
    assert sample(model, tmp_path, mixed(lambda: watched, str(directory), 1.0, 3, targets=True), "x")[0] == old
    assert watched.asked == []


def test_the_share_is_of_the_prompts_and_the_seed_draws_it(tmp_path):
    run = RunDirectory(tmp_path)
    append_records(run.samples, [Sample(f"p{n}", 0, (1,), "stop", (0.0,), "x") for n in range(2000)])
    kept = {seed: set(_stored(run, 0.2, seed, targets=False)) for seed in (0, 1)}
    for each in kept.values():
        assert len(each) == pytest.approx(400, abs=70), "four standard deviations"
    assert len(kept[0] & kept[1]) == pytest.approx(80, abs=36)
    assert kept[0] < set(_stored(run, 0.6, 0, targets=False)), "a smaller share is part of a larger one"


def test_an_earlier_run_without_samples_is_refused(tmp_path):
    with pytest.raises(UserError, match="holds no samples to mix in"):
        mixed(lambda: None, str(tmp_path), 0.5, 0, targets=False)()
