"""Training against the same steps in plain PyTorch: losses, learning rates, gradients and the student's weights.

Every sequence is different and so are the lengths of the completions; the data that training gets is made by the
package, what the reference gets is made here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from selfdistill.models.configs import load_config
from selfdistill.models.load import load_model
from selfdistill.models.tokenizers import load_tokenizer
from selfdistill.recipe import load_recipe
from selfdistill.recipe.model import ModelSettings
from selfdistill.steps.training import arguments, soft_targets, train
from selfdistill.steps.training.batches import Collator
from selfdistill.steps.training.hard_targets import HardTargets
from selfdistill.steps.training.train import build_data
from selfdistill.steps.training.trainer import SelfDistillationTrainer
from steps.training import plain_torch
from steps.training.material import END, MAX_LENGTH, Material, make_material
from steps.training.material import train as train_by
from steps.training.plain_torch import Example

STEPS = 5
SETTINGS = plain_torch.Settings(
    steps=STEPS,
    learning_rate=1e-4,
    min_learning_rate=2e-5,
    warmup_steps=1,
    weight_decay=0.1,
    betas=(0.9, 0.95),
    max_grad_norm=1.0,
    max_length=MAX_LENGTH,
)


@pytest.fixture(scope="module")
def material(tmp_path_factory) -> Material:
    return make_material(tmp_path_factory.mktemp("material"))


@dataclass(frozen=True)
class Trained:
    """What our training left, and what it began with."""

    log: dict[str, list[float]]
    weights: dict[str, torch.Tensor]
    began: dict[str, torch.Tensor]
    """What was trained, before the first step."""
    batches: list[list[tuple[int, ...]]]
    """Token ids of the rows of each forward pass."""


def ours(material: Material, out: Path, monkeypatch, *changes: str, progress=None) -> Trained:
    """Train by a recipe."""
    lines = [
        f"model.path={material.root / 'model'}", "model.device=cpu", f"training.max_length={MAX_LENGTH}",
        f"training.epochs={STEPS}", "training.batch_size=12", "training.micro_batch_size=1",
        "training.learning_rate=1e-4", "training.min_learning_rate=2e-5", "training.warmup_steps=1",
        "training.precision=fp32", *changes,
    ]  # fmt: skip
    recipe = load_recipe("demo", lines)
    dataset, store, _ = build_data(
        recipe.training,
        material.prompts,
        material.samples,
        material.root / "targets",
        whole_answers=False,
        seed=recipe.seed,
    )
    began: dict[str, torch.Tensor] = {}
    batches: list[list[tuple[int, ...]]] = []
    train, collate = SelfDistillationTrainer.train, Collator.__call__

    def watched_train(trainer, **arguments):
        parameters = trainer.model.named_parameters()
        began.update({name: p.detach().clone() for name, p in parameters if p.requires_grad})
        return train(trainer, **arguments)

    def watched_collate(collator, rows):
        batches.append([tuple(row["input_ids"]) for row in rows])
        return collate(collator, rows)

    monkeypatch.setattr(SelfDistillationTrainer, "train", watched_train)
    monkeypatch.setattr(Collator, "__call__", watched_collate)
    train_by(recipe, dataset, store, out / "student", log=out / "log.jsonl", progress=progress)
    steps = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    student = load_model(ModelSettings(path=str(out / "student"), device="cpu"))
    log = {name: [step[name] for step in steps] for name in ("loss", "learning_rate", "gradient_norm")}
    return Trained(log, student.state_dict(), began, batches)


def base(material: Material) -> torch.nn.Module:
    return load_model(ModelSettings(path=str(material.root / "model"), device="cpu")).train()


def in_plain_torch(
    material: Material, batches: list[list[Example]], settings: plain_torch.Settings = SETTINGS
) -> tuple[plain_torch.Log, dict[str, torch.Tensor]]:
    model = base(material)
    log = plain_torch.train(lambda ids: model(input_ids=ids).logits, list(model.parameters()), batches, settings)
    return log, model.state_dict()


@pytest.fixture(scope="module")
def whole_batches(material) -> dict[str, tuple[plain_torch.Log, dict[str, torch.Tensor]]]:
    """Trained on all sequences at every step, by kind of targets."""
    return {kind: in_plain_torch(material, [examples] * STEPS) for kind, examples in material.examples.items()}


def assert_same(trained: Trained, log: plain_torch.Log, weights: dict[str, torch.Tensor]) -> None:
    """To float32's rounding: steps are of 1e-4. Where a gradient is nearly 0, AdamW makes much of how it is rounded."""
    assert trained.log["learning_rate"] == pytest.approx(log.learning_rates, rel=1e-9)
    assert trained.log["loss"] == pytest.approx(log.losses, rel=1e-5)
    assert trained.log["gradient_norm"] == pytest.approx(log.gradient_norms, rel=1e-4)
    assert trained.weights.keys() == weights.keys()
    for name, weight in weights.items():
        difference = (trained.weights[name] - weight).abs()
        assert float(difference.mean()) < 5e-7, name
        assert float(difference.max()) < 1e-5, name


@pytest.mark.parametrize("targets", ["hard", "soft"])
@pytest.mark.parametrize(
    "rows", ["one", "packed", *(pytest.param(rows, marks=pytest.mark.slow) for rows in ("padded", "unmasked", "flat"))]
)
def test_the_students_weights_are_those_of_plain_pytorch(material, whole_batches, tmp_path, monkeypatch, targets, rows):
    """Every step sees all sequences, so that neither their order nor how they are laid out may matter."""
    changes = {
        "one": ["micro_batch_size=1"],
        "padded": ["micro_batch_size=4", "packing=false"],
        "unmasked": ["micro_batch_size=4", "packing=false"],
        "flat": ["micro_batch_size=4", "packing=auto"],
        "packed": ["packing=true"],
    }
    if rows == "unmasked":  # as on a GPU
        monkeypatch.setattr(train, "Collator", lambda *given, masked: Collator(*given, masked=False))
    lines = [f"training.{each}" for each in (f"targets={targets}", *changes[rows])]
    trained = ours(material, tmp_path, monkeypatch, *lines)
    assert max(trained.log["gradient_norm"]) > 1, "the gradient must be clipped"
    assert_same(trained, *whole_batches[targets])


def test_targets_too_wide_to_be_laid_out_at_once_are_looked_up_by_tile(material, whole_batches, tmp_path, monkeypatch):
    monkeypatch.setattr(soft_targets, "WIDEST", 1)
    trained = ours(material, tmp_path, monkeypatch, "training.targets=soft", "training.micro_batch_size=4")
    assert_same(trained, *whole_batches["soft"])


def test_micro_batches_from_another_process_are_the_same(material, whole_batches, tmp_path, monkeypatch):
    on_a_gpu = arguments._loading(torch.device("cuda")) | {"dataloader_pin_memory": False}
    assert on_a_gpu["dataloader_num_workers"] == 1
    monkeypatch.setattr(arguments, "_loading", lambda device: on_a_gpu)
    trained = ours(material, tmp_path, monkeypatch, "training.targets=soft", "training.micro_batch_size=4")
    assert_same(trained, *whole_batches["soft"])


def test_other_settings_and_batches_smaller_than_the_data(material, tmp_path, monkeypatch):
    """Every sequence once an epoch, in an order of the epoch's own; a last batch that is not full; no warm-up."""
    lines = ["batch_size=6", "micro_batch_size=2", "epochs=2", "warmup_steps=0", "min_learning_rate=0.0",
             "weight_decay=0.3", "adam_beta1=0.8", "adam_beta2=0.99", "max_grad_norm=100.0",
             "gradient_checkpointing=false", "targets=soft"]  # fmt: skip
    trained = ours(material, tmp_path, monkeypatch, *(f"training.{line}" for line in lines))
    assert max(trained.log["gradient_norm"]) < 100, "no gradient must be clipped"
    known = {(*each.prompt, *each.completion)[:MAX_LENGTH]: each for each in material.examples["soft"]}
    rows = [ids for batch in trained.batches for ids in batch]
    half = len(known)
    assert sorted(rows[:half]) == sorted(rows[half:]) == sorted(known)
    assert rows[:half] != rows[half:]
    sizes = [6, half - 6] * 2
    starts = np.cumsum([0, *sizes])
    batches = [[known[ids] for ids in rows[start : start + size]] for start, size in zip(starts, sizes, strict=False)]
    settings = replace(SETTINGS, steps=4, warmup_steps=0, min_learning_rate=0.0, weight_decay=0.3, betas=(0.8, 0.99),
                       max_grad_norm=100.0)  # fmt: skip
    assert_same(trained, *in_plain_torch(material, batches, settings))


@pytest.mark.parametrize("targets", [pytest.param("hard", marks=pytest.mark.slow), "soft"])
def test_batches_of_one_sequence_of_one_token_and_of_none(material, tmp_path, monkeypatch, targets):
    trained = ours(
        material, tmp_path, monkeypatch, "training.batch_size=1", "training.epochs=1", f"training.targets={targets}"
    )
    known = {(*each.prompt, *each.completion)[:MAX_LENGTH]: each for each in material.examples[targets]}
    batches = [[known[ids]] for (ids,) in trained.batches]
    settings = replace(SETTINGS, steps=len(known))
    log, weights = in_plain_torch(material, batches, settings)
    assert min(log.losses) == 0, "a sequence has no target left"
    assert_same(trained, log, weights)


def test_what_training_data_holds_is_counted(material):
    recipe = load_recipe("demo", [f"training.max_length={MAX_LENGTH}", f"model.path={material.root / 'model'}"])
    targets = material.root / "targets"
    _, _, counts = build_data(
        recipe.training, material.prompts, material.samples, targets, whole_answers=False, seed=recipe.seed
    )
    examples = material.examples["soft"]
    assert counts.to_json() == {
        "sequences": 11,
        "dropped": {"empty": 1},
        "truncated": sum(example.completion[-1] != END for example in examples),
        "cut": 2,
        "agreement": None,
        "prompt_tokens": sum(len(example.prompt) for example in examples),
        "completion_tokens": sum(len(example.completion) for example in examples),
        "targets": "soft",
        "target_entries": material.target_entries,
        "target_bytes": sum(path.stat().st_size for path in targets.iterdir()),
    }
    hard = load_recipe("demo", ["training.targets=hard", f"training.max_length={MAX_LENGTH}"])
    _, target, counts = build_data(
        hard.training, material.prompts, material.samples, targets, whole_answers=False, seed=hard.seed
    )
    assert isinstance(target, HardTargets)
    assert (counts.targets, counts.target_entries, counts.target_bytes) == ("hard", 0, 0)


def test_a_student_is_an_ordinary_model_in_its_bases_precision(material, tmp_path, monkeypatch):
    """Trained in float32, and rounded once at the end."""
    base(material).bfloat16().save_pretrained(tmp_path / "base")
    tokenizer = load_tokenizer(str(material.root / "model"))
    tokenizer.save_pretrained(tmp_path / "base")
    trained = ours(material, tmp_path, monkeypatch, f"model.path={tmp_path / 'base'}", "training.targets=hard")
    assert load_config(str(tmp_path / "student")).dtype is torch.bfloat16
    assert load_tokenizer(str(tmp_path / "student")).get_vocab() == tokenizer.get_vocab()
    model = load_model(ModelSettings(path=str(tmp_path / "base"), device="cpu", dtype="float32")).train()
    batches = [material.examples["hard"]] * STEPS
    log = plain_torch.train(lambda ids: model(input_ids=ids).logits, list(model.parameters()), batches, SETTINGS)
    assert trained.log["loss"] == pytest.approx(log.losses, rel=1e-5)
    for name, weight in model.state_dict().items():
        assert trained.weights[name].equal(trained.weights[name].bfloat16().float())
        same = trained.weights[name] == weight.bfloat16().float()
        assert float(same.float().mean()) > 0.99, "but for what lies between two numbers of bfloat16"


def test_training_goes_on_where_it_was_interrupted(material, tmp_path, monkeypatch):
    """Same batches, rates and moments as without the interruption; steps after the last checkpoint are made again."""
    lines = [f"training.{each}" for each in ("batch_size=4", "epochs=2", "checkpoint_every=2", "targets=soft")]
    told: list[tuple[int, ...]] = []
    whole = ours(material, tmp_path / "whole", monkeypatch, *lines, progress=lambda *step: told.append(step))
    assert told == [(step, 6, 0) for step in range(7)]

    def power_cut(step: int, steps: int, there: int) -> None:
        if step == 6:
            raise KeyboardInterrupt

    broken = tmp_path / "broken"
    with pytest.raises(KeyboardInterrupt):
        ours(material, broken, monkeypatch, *lines, progress=power_cut)
    (broken / "checkpoints" / "checkpoint-6").mkdir()  # was being written when the power went
    told.clear()
    resumed = ours(material, broken, monkeypatch, *lines, progress=lambda *step: told.append(step))
    assert told == [(4, 6, 4), (5, 6, 0), (6, 6, 0)]
    assert resumed.log == whole.log
    assert all(torch.equal(weight, resumed.weights[name]) for name, weight in whole.weights.items())
    assert sorted(path.name for path in broken.iterdir()) == ["log.jsonl", "student"]


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")  # peft asks transformers by an old name
@pytest.mark.parametrize("targets", [pytest.param("hard", marks=pytest.mark.slow), "soft"])
def test_adapters_are_trained_as_in_plain_pytorch(material, tmp_path, monkeypatch, targets):
    lines = ["method=lora", "lora.rank=4", "lora.alpha=12", f"targets={targets}", "micro_batch_size=3"]
    trained = ours(material, tmp_path, monkeypatch, *(f"training.{line}" for line in lines))
    model = base(material)
    linear = {f"{name}.weight" for name, module in model.named_modules() if isinstance(module, torch.nn.Linear)}
    linear.remove("lm_head.weight")
    pairs = {}
    for name in linear:
        path = f"base_model.model.{name.removesuffix('.weight')}"
        down, up = (torch.nn.Parameter(trained.began.pop(f"{path}.lora_{side}.default.weight")) for side in "AB")
        assert down.shape[0] == up.shape[1] == 4
        assert not up.any()
        pairs[name] = down, up
    assert not trained.began, "nothing else is trained"
    weights = dict(model.named_parameters())

    def adapted() -> dict[str, torch.Tensor]:
        return {name: weights[name] + 12 / 4 * up @ down for name, (down, up) in pairs.items()}

    def forward(ids: torch.Tensor) -> torch.Tensor:
        return torch.func.functional_call(model, adapted(), kwargs={"input_ids": ids}).logits

    adapters = [weight for pair in pairs.values() for weight in pair]
    log = plain_torch.train(forward, adapters, [material.examples[targets]] * STEPS, SETTINGS)
    assert_same(trained, log, model.state_dict() | {name: weight.detach() for name, weight in adapted().items()})


@pytest.mark.parametrize("targets", [pytest.param("hard", marks=pytest.mark.slow), "soft"])
def test_bf16_is_of_the_arithmetic_and_not_of_the_weights(material, tmp_path, monkeypatch, targets):
    """At the paper's rate a step is a hundredth of bfloat16's spacing: weights in bfloat16 would not move."""
    lines = ["precision=bf16", "epochs=2", "warmup_steps=0", "learning_rate=5e-6", "min_learning_rate=1e-6",
             f"targets={targets}"]  # fmt: skip
    sampled_in = "model.dtype=bfloat16"  # is of sampling alone
    trained = ours(material, tmp_path, monkeypatch, sampled_in, *(f"training.{line}" for line in lines))
    batches = [material.examples[targets]] * 2
    settings = replace(SETTINGS, steps=2, warmup_steps=0, learning_rate=5e-6, min_learning_rate=1e-6)
    half, half_weights = in_plain_torch(material, batches, replace(settings, bfloat16=True))
    exact, exact_weights = in_plain_torch(material, batches, settings)
    for loss, near, far in zip(trained.log["loss"], half.losses, exact.losses, strict=True):
        assert abs(loss - near) < abs(far - near) / 4
    assert trained.log["learning_rate"] == pytest.approx(half.learning_rates, rel=1e-9)
    steps = [_steps(weights, base(material).state_dict()) for weights in (trained.weights, half_weights, exact_weights)]
    assert _distance(steps[0], steps[1]) < 0.1
    assert _distance(steps[2], steps[1]) > 0.1


def _steps(weights: dict[str, torch.Tensor], before: dict[str, torch.Tensor]) -> torch.Tensor:
    return torch.cat([(weight - before[name]).flatten() for name, weight in weights.items()])


def _distance(one: torch.Tensor, other: torch.Tensor) -> float:
    return float((one - other).norm() / other.norm())
