"""What makes training smaller or faster: it trains what it would without, and what cannot run is said beforehand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch.utils.flop_counter import FlopCounterMode
from transformers import AutoModelForCausalLM, LlamaConfig

from selfdistill.errors import UserError
from selfdistill.models.load import load_model
from selfdistill.recipe import load_recipe
from selfdistill.recipe.model import ModelSettings
from selfdistill.steps.training import extras, kernels
from selfdistill.steps.training.arguments import training_arguments
from selfdistill.steps.training.extras import require_extras
from selfdistill.steps.training.train import build_data
from selfdistill.steps.training.trainer import SelfDistillationTrainer
from steps.training.material import MAX_LENGTH, Material, make_material, train
from tiny_models import SIZES


@pytest.fixture(scope="module")
def material(tmp_path_factory) -> Material:
    return make_material(tmp_path_factory.mktemp("material"))


def trained(material: Material, out: Path, *changes: str) -> list[float]:
    """The losses; the student is in `out`."""
    lines = [f"model.path={material.root / 'model'}", "model.device=cpu", f"training.max_length={MAX_LENGTH}"]
    settings = ["epochs=3", "batch_size=12", "micro_batch_size=4", "learning_rate=1e-3", "warmup_steps=0"]
    recipe = load_recipe("demo", [*lines, *(f"training.{each}" for each in (*settings, *changes))])
    targets = material.root / "targets"
    dataset, store, _ = build_data(
        recipe.training, material.prompts, material.samples, targets, whole_answers=False, seed=recipe.seed
    )
    train(recipe, dataset, store, out / "student", log=out / "log.jsonl")
    return [json.loads(line)["loss"] for line in (out / "log.jsonl").read_text().splitlines()]


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")
@pytest.mark.parametrize(("precision", "dtype"), [("bf16", torch.bfloat16), ("fp32", torch.float32)])
def test_adapters_in_float32_learn_over_a_frozen_base_in_the_arithmetics_precision(
    material, tmp_path, monkeypatch, precision, dtype
):
    held: dict[str, set[torch.dtype]] = {}
    train = SelfDistillationTrainer.train

    def watched(trainer, **arguments):
        for name, weight in trainer.model.named_parameters():
            held.setdefault("adapters" if weight.requires_grad else "base", set()).add(weight.dtype)
            assert weight.requires_grad == ("lora_" in name)
        return train(trainer, **arguments)

    monkeypatch.setattr(SelfDistillationTrainer, "train", watched)
    lines = ["method=lora", "lora.rank=4", "lora.alpha=12", f"precision={precision}"]
    losses = trained(material, tmp_path, *lines)
    assert held == {"adapters": {torch.float32}, "base": {dtype}}
    assert losses[-1] < losses[0]
    base = load_model(ModelSettings(path=str(material.root / "model"), device="cpu")).state_dict()
    student = load_model(ModelSettings(path=str(tmp_path / "student"), device="cpu")).state_dict()
    adapters = load_file(tmp_path / "student" / "adapter" / "adapter_model.safetensors")
    for name, weight in student.items():
        down, up = (
            adapters.get(f"base_model.model.{name.removesuffix('.weight')}.lora_{side}.weight") for side in "AB"
        )
        if down is None:
            assert torch.equal(weight, base[name]), "what is not adapted is the base's, unrounded"
        else:
            torch.testing.assert_close(weight, base[name] + 12 / 4 * up @ down)
            assert not torch.equal(weight, base[name])


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")
@pytest.mark.parametrize("method", ["full", pytest.param("lora", marks=pytest.mark.slow)])
def test_what_is_recomputed_does_not_matter(material, tmp_path, method):
    lines = ["precision=fp32", f"method={method}"]
    every, none, some = (
        trained(material, tmp_path / kind, *lines, f"gradient_checkpointing={kind}")
        for kind in ("true", "false", "selective")
    )
    assert some == every == none
    assert len(set(some)) == 3


@pytest.mark.filterwarnings("ignore:.*gradient_checkpointing_enable:FutureWarning")
@pytest.mark.parametrize(("kind", "products"), [("true", 6), ("selective", 2), ("false", 0)])
def test_narrow_products_are_not_computed_twice(kind, products):
    """Of the seven of a gated layer only the two that are wider than what they are made of; nothing needs the last."""
    torch.manual_seed(0)
    settings = {**SIZES, "num_hidden_layers": 1, "num_key_value_heads": 4}
    model = AutoModelForCausalLM.from_config(LlamaConfig(**settings)).train()
    if kind == "selective":
        kernels.keep_narrow(model)
    elif kind == "true":
        model.gradient_checkpointing_enable()
    ids = torch.arange(20, 60)[None]
    with FlopCounterMode(display=False, depth=None) as forward:
        loss = model(input_ids=ids, use_cache=False).logits.square().sum()
    once = forward.get_flop_counts()["Global"][torch.ops.aten.mm]
    head = 2 * ids.numel() * 32 * 261
    wide, narrow = 2 * ids.numel() * 32 * 48, 2 * ids.numel() * 32 * 32
    assert once == head + 3 * wide + 4 * narrow
    with FlopCounterMode(display=False, depth=None) as backward:
        loss.backward()
    again = backward.get_flop_counts()["Global"][torch.ops.aten.mm] - 2 * once
    assert again == {6: 2 * wide + 4 * narrow, 2: 2 * wide, 0: 0}[products]


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # torch's own, of its compiler
def test_compiled_layers_train_the_same(material, tmp_path):
    plain = trained(material, tmp_path / "plain", "precision=fp32")
    for kind in ("true", "selective"):
        lines = ["precision=fp32", "compile=true", f"gradient_checkpointing={kind}"]
        assert trained(material, tmp_path / kind, *lines) == pytest.approx(plain, rel=1e-4)
    assert len(set(plain)) == 3


@pytest.mark.engines
@pytest.mark.filterwarnings("default")
def test_moments_in_8_bits_train_nearly_the_same(material, tmp_path):
    pytest.importorskip("bitsandbytes")
    plain = trained(material, tmp_path / "plain", "precision=fp32")
    small = trained(material, tmp_path / "small", "precision=fp32", "optimizer=adamw_8bit")
    assert small == pytest.approx(plain, rel=1e-2)
    assert small[-1] < small[0]


def test_moments_in_8_bits_need_an_extra_and_are_not_sharded(monkeypatch, tmp_path):
    recipe = load_recipe("demo", ["training.optimizer=adamw_8bit"])
    assert (
        training_arguments(
            recipe.training, tmp_path, device=recipe.model.device, seed=recipe.seed, name=recipe.name
        ).optim
        == "adamw_bnb_8bit"
    )
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    with pytest.raises(UserError, match=r"training.optimizer: adamw_8bit does not go with sharding"):
        training_arguments(recipe.training, tmp_path, device=recipe.model.device, seed=recipe.seed, name=recipe.name)
    monkeypatch.setattr(extras.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"optimizer adamw_8bit needs .*pip install 'selfdistill\[qlora\]'"):
        require_extras(recipe.model, recipe.training)


def test_ligers_kernels_need_a_gpu_and_an_extra(monkeypatch):
    recipe = load_recipe("demo", ["training.kernels=liger", "model.device=cpu"])
    with pytest.raises(UserError, match=r"training.kernels: kernels liger needs a GPU \(set it to none\)"):
        require_extras(recipe.model, recipe.training)
    monkeypatch.setattr(kernels, "resolve_device", lambda device: torch.device("cuda"))
    monkeypatch.setattr(kernels.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"kernels liger needs .*pip install 'selfdistill\[liger\]'"):
        require_extras(recipe.model, recipe.training)
