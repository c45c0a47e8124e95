"""Soft targets made again in training are those that sampling would have stored; nothing is stored for them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError

from run.small import SMALL
from selfdistill.directory import RunDirectory
from selfdistill.errors import UserError
from selfdistill.models.load import load_model
from selfdistill.recipe import load_recipe
from selfdistill.recipe.model import ModelSettings
from selfdistill.run import start
from selfdistill.run.sampling import sample
from selfdistill.run.training import train
from selfdistill.steps.training import callbacks
from tiny_models import make_model

pytestmark = pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")
RECOMPUTED = "training.soft_targets=recomputed"
DECODINGS = {
    "bounded": ["sampling.decoding.temperature=1.3", "sampling.decoding.top_k=7", "sampling.decoding.top_p=0.9"],
    "unbounded": ["sampling.decoding.temperature=0.8", "sampling.decoding.top_k=0", "sampling.decoding.top_p=1.0"],
}


@pytest.fixture(scope="module")
def lines(tmp_path_factory) -> list[str]:
    model = make_model(tmp_path_factory.mktemp("model"), context=256, biases=True)
    settings = ["epochs=null", "steps=4", "batch_size=8", "micro_batch_size=4", "learning_rate=1e-3", "warmup_steps=0"]
    settings += ["checkpoint_every=2", "lora.rank=4"]
    return [
        *SMALL,
        f"model.path={model}",
        "prompts.limit=16",
        "sampling.max_new_tokens=12",
        *(f"training.{each}" for each in settings),
    ]


@pytest.fixture(scope="module")
def stored(lines, tmp_path_factory) -> dict[str, RunDirectory]:
    """Sampled, by decoding."""
    found = {}
    for name, decoding in DECODINGS.items():
        recipe = load_recipe("demo", [*lines, *decoding])
        found[name] = start.begin(recipe, tmp_path_factory.mktemp("stored") / name)
        sample(recipe, found[name])
    return found


def trained(sampled: RunDirectory, out: Path, lines: list[str], *, targets: bool) -> RunDirectory:
    recipe = load_recipe("demo", lines)
    directory = start.begin(recipe, out)
    if not directory.samples.exists():
        shutil.copy(sampled.samples, directory.samples)
    if targets:
        shutil.copytree(sampled.targets, directory.targets)
    train(recipe, directory)
    return directory


def losses(directory: RunDirectory) -> list[float]:
    return [json.loads(line)["loss"] for line in directory.training_log.read_text().splitlines()]


def weights(directory: RunDirectory) -> dict[str, torch.Tensor]:
    return dict(load_model(ModelSettings(path=str(directory.student), device="cpu")).state_dict())


@pytest.mark.parametrize(
    ("decoding", "change"),
    [
        ("bounded", "method=full"),
        pytest.param("bounded", "packing=false", marks=pytest.mark.slow),
        pytest.param("unbounded", "method=full", marks=pytest.mark.slow),
        pytest.param("unbounded", "method=lora", marks=pytest.mark.slow),
    ],
)
def test_the_student_is_that_of_stored_targets(stored, lines, tmp_path, decoding, change):
    lines = [*lines, *DECODINGS[decoding], f"training.{change}"]
    one = trained(stored[decoding], tmp_path / "stored", lines, targets=True)
    two = trained(stored[decoding], tmp_path / "recomputed", [*lines, RECOMPUTED], targets=False)
    assert losses(two) == pytest.approx(losses(one), rel=2e-6)
    assert len(set(losses(one))) == 4, "the student moves away from the base, whose targets they stay"
    theirs = weights(two)
    for name, weight in weights(one).items():
        # Where a gradient is nearly 0, AdamW makes a step of the learning rate, 1e-3, of its rounding, either way.
        difference = (theirs[name] - weight).abs()
        assert float(difference.mean()) < 1e-6, name
        assert float(difference.max()) < 2e-3, name
    assert not two.targets.exists()


@pytest.mark.slow
def test_nothing_is_stored_while_sampling_and_training_goes_on_where_it_was(stored, lines, tmp_path, monkeypatch):
    lines = [*lines, *DECODINGS["bounded"], RECOMPUTED]
    recipe = load_recipe("demo", lines)
    sampled = start.begin(recipe, tmp_path / "sampled")
    sample(recipe, sampled)
    assert not sampled.targets.exists()
    assert sampled.samples.read_bytes() == stored["bounded"].samples.read_bytes()
    whole = trained(sampled, tmp_path / "whole", lines, targets=False)
    stepped = callbacks.TrainingLog.on_step_end

    def power_cut(log, args, state, control, **named) -> None:
        stepped(log, args, state, control, **named)
        if state.global_step == 3:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(callbacks.TrainingLog, "on_step_end", power_cut)
        with pytest.raises(KeyboardInterrupt):
            trained(sampled, tmp_path / "broken", lines, targets=False)
    assert losses(trained(sampled, tmp_path / "broken", lines, targets=False)) == losses(whole)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (["training.targets=hard"], "goes with targets: soft"),
        (["training.method=qlora"], "qlora holds it in 4 bits"),
        (["sampling.model=embedded"], "sampling.model and sampling.mix need stored"),
        (["sampling.mix.run=runs/x", "sampling.mix.share=0.5"], "sampling.model and sampling.mix need stored"),
    ],
)
def test_targets_that_are_not_the_bases_are_refused(changes, reason):
    with pytest.raises((UserError, ValidationError), match=reason):
        load_recipe("demo", [RECOMPUTED, *changes])


def test_an_engine_that_hands_over_few_probabilities_will_do():
    lines = ["engine.kind=vllm", "sampling.decoding.top_k=0"]
    with pytest.raises((UserError, ValidationError), match="top_k"):
        load_recipe("demo", lines)
    assert load_recipe("demo", [*lines, RECOMPUTED]).training.targets == "soft"


def test_a_second_copy_is_not_made_of_a_sharded_model(stored, lines, tmp_path, monkeypatch):
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    with pytest.raises(
        UserError, match=r"training.soft_targets: recomputed soft targets of a sharded model need adapt"
    ):
        trained(stored["bounded"], tmp_path / "out", [*lines, *DECODINGS["bounded"], RECOMPUTED], targets=False)
