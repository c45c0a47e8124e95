"""QLoRA for real, on bitsandbytes' CPU kernels: a base in 4 bits, adapters that learn, an ordinary student."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from transformers import Qwen3MoeConfig, Qwen3MoeForCausalLM

from run.small import SMALL
from run.test_other_models import overrides
from selfdistill.directory import RunDirectory
from selfdistill.errors import UserError
from selfdistill.models.load import load_model
from selfdistill.recipe import load_recipe
from selfdistill.recipe.model import ModelSettings
from selfdistill.run import pipeline as loop
from selfdistill.run import start
from selfdistill.run.sampling import sample
from selfdistill.run.training import train
from selfdistill.steps.training import callbacks, extras
from selfdistill.steps.training.quantized import float32_adapters, load_quantized, require_quantization
from tiny_models import make_tokenizer

engines = pytest.mark.engines
STEPS = 8


def test_without_bitsandbytes_the_line_that_installs_it_comes_before_any_sampling(monkeypatch, tmp_path):
    monkeypatch.setattr(extras.util, "find_spec", lambda name: None)
    recipe = load_recipe("demo", ["training.method=qlora"])
    with pytest.raises(UserError, match=r"pip install 'selfdistill\[qlora\]'") as caught:
        loop.run_recipe(recipe, tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_mixture_of_experts_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(extras.util, "find_spec", lambda name: name)
    make_tokenizer(chat=False).save_pretrained(tmp_path)
    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 1}
    Qwen3MoeForCausalLM(Qwen3MoeConfig(vocab_size=261, num_experts=4, head_dim=16, **sizes)).save_pretrained(tmp_path)
    with pytest.raises(UserError, match="experts are not linear layers"):
        require_quantization(ModelSettings(path=str(tmp_path)))


@engines
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_only_linear_layers_are_in_4_bits_and_they_are_nearly_the_base(tmp_path, precision):
    settings = ModelSettings(path="embedded", device="cpu")
    quantized, base = load_quantized(settings, precision), load_model(settings)
    kinds = {name: weight.dtype for name, weight in quantized.named_parameters()}
    packed = {name for name, dtype in kinds.items() if dtype is torch.uint8}
    assert packed == {name for name in kinds if name.endswith("proj.weight")}
    assert {dtype for name, dtype in kinds.items() if name not in packed} == {torch.float32}
    ids = torch.arange(10, 40)[None]
    with torch.inference_mode():
        mine, theirs = quantized.train()(input_ids=ids).logits, base(input_ids=ids).logits
    correlation = torch.corrcoef(torch.stack([mine.flatten(), theirs.flatten()]))[0, 1]
    assert 0.98 < correlation < 0.999999, "near the base, and not the base"


def trained(out: Path, lines: list[str], other: RunDirectory | None = None):
    """A trained run; on another one's samples, if there is one."""
    recipe = load_recipe("demo", lines)
    directory = start.begin(recipe, out)
    if other is None:
        sample(recipe, directory)
    else:
        shutil.copy(other.samples, directory.samples)
        shutil.copytree(other.targets, directory.targets)
    train(recipe, directory)
    return recipe, directory


def losses(directory: RunDirectory) -> list[float]:
    return [json.loads(line)["loss"] for line in directory.training_log.read_text().splitlines()]


@engines
@pytest.mark.filterwarnings("default")
def test_the_student_is_an_ordinary_model_that_learned_what_lora_learns(tmp_path):
    lines = [*SMALL, "prompts.limit=64", "training.epochs=null", f"training.steps={STEPS}", "training.lora.rank=8"]
    lines += ["training.learning_rate=2e-3", "training.precision=fp32", "training.targets=soft"]
    _, lora = trained(tmp_path / "lora", [*lines, "training.method=lora"])
    recipe, qlora = trained(tmp_path / "qlora", [*lines, "training.method=qlora"], lora)
    assert losses(qlora)[0] > losses(lora)[0], "4 bits cost something at the start"
    assert losses(qlora)[-1] < losses(qlora)[0]
    base = load_model(recipe.model).state_dict()
    student = load_model(ModelSettings(path=str(qlora.student), device="cpu"))
    assert not hasattr(student.config, "quantization_config")
    for name, weight in student.state_dict().items():
        moved = float((weight - base[name]).abs().max())
        assert weight.dtype == torch.float32
        if name.endswith("proj.weight"):
            low = torch.linalg.svdvals(weight - base[name])
            assert moved > 0
            assert low[8] < 1e-3 * low[0], "what was added has the adapters' rank: the base under it is not rounded"
        else:
            assert moved == 0
    assert (qlora.student / "adapter" / "adapter_model.safetensors").is_file()


@engines
@pytest.mark.filterwarnings("default")
def test_qlora_goes_on_from_a_checkpoint(tmp_path, monkeypatch):
    lines = [*SMALL, *overrides(tmp_path, "llama"), "training.method=qlora", "training.targets=hard"]
    lines += ["training.epochs=null", f"training.steps={STEPS}", "training.checkpoint_every=3"]
    _, whole = trained(tmp_path / "whole", lines)
    recipe = load_recipe("demo", lines)
    broken = start.begin(recipe, tmp_path / "broken")
    shutil.copy(whole.samples, broken.samples)
    stepped = callbacks.TrainingLog.on_step_end

    def power_cut(log, args, state, control, **named) -> None:
        stepped(log, args, state, control, **named)
        if state.global_step == 5:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(callbacks.TrainingLog, "on_step_end", power_cut)
        with pytest.raises(KeyboardInterrupt):
            train(recipe, broken)
    train(recipe, broken)
    assert losses(broken) == pytest.approx(losses(whole), rel=1e-4)


def test_adapters_are_trained_in_float32():
    model = torch.nn.Linear(2, 2).bfloat16()
    model.bias.requires_grad_(False)
    float32_adapters(model)
    assert (model.weight.dtype, model.bias.dtype) == (torch.float32, torch.bfloat16)
