"""A multimodal checkpoint: its language model is trained, and the student is whole and loads where its base does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset
from safetensors.torch import load_file
from transformers import (
    AutoModelForImageTextToText,
    Gemma3Config,
    Gemma3ForConditionalGeneration,
    LlavaConfig,
    LlavaForConditionalGeneration,
    Qwen3_5Config,
    Qwen3_5ForConditionalGeneration,
)

from selfdistill.errors import UserError
from selfdistill.models.configs import load_config
from selfdistill.models.load import load_model
from selfdistill.recipe import load_recipe
from selfdistill.recipe.model import ModelSettings
from selfdistill.steps.training import whole
from selfdistill.steps.training.extras import require_extras
from selfdistill.steps.training.hard_targets import HardTargets
from selfdistill.steps.training.whole import PROCESSOR_FILES, require_whole
from steps.training.material import train
from tiny_models import SIZES, make_tokenizer

pytestmark = pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")

TEXT = {**SIZES, "vocab_size": 270, "eos_token_id": 1}
VISION = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 1, "num_attention_heads": 4}
LAYERS = {
    "layer_types": ["linear_attention", "full_attention"],
    "linear_key_head_dim": 8,
    "linear_value_head_dim": 8,
    "linear_num_key_heads": 2,
    "linear_num_value_heads": 4,
}


def require(recipe) -> None:
    require_extras(recipe.model, recipe.training)


def gemma3() -> Any:
    """Loads whole as a causal language model."""
    pictures = {**VISION, "image_size": 28, "patch_size": 14}
    return Gemma3ForConditionalGeneration(
        Gemma3Config(text_config=TEXT, vision_config=pictures, mm_tokens_per_image=4, image_token_index=269)
    )


def qwen3_5() -> Any:
    """Loads its language model alone."""
    pictures = {"hidden_size": 32, "intermediate_size": 48, "depth": 1, "num_heads": 4, "out_hidden_size": 32}
    pictures["num_position_embeddings"] = 16
    return Qwen3_5ForConditionalGeneration(Qwen3_5Config(text_config={**TEXT, **LAYERS}, vision_config=pictures))


@pytest.fixture(scope="module", params=[gemma3, qwen3_5], ids=lambda make: make.__name__)
def base(request, tmp_path_factory) -> Path:
    torch.manual_seed(0)
    directory = tmp_path_factory.mktemp("model") / request.param.__name__
    request.param().save_pretrained(directory)
    make_tokenizer(chat=True).save_pretrained(directory)
    for name in PROCESSOR_FILES[:2]:
        (directory / name).write_text(json.dumps({"name": name}))
    return directory


def recipe(model: Path, *changes: str) -> Any:
    lines = [f"model.path={model}", "model.device=cpu", "training.targets=hard", "training.epochs=null"]
    lines += ["training.steps=2", "training.warmup_steps=0", "training.batch_size=2", "training.micro_batch_size=2"]
    lines += ["training.learning_rate=1e-2", "training.precision=fp32"]
    return load_recipe("demo", [*lines, *changes])


@pytest.mark.parametrize("method", ["full", "lora"])
def test_the_student_has_all_that_its_base_has_and_loads_where_it_does(base, tmp_path, method):
    ids = list(range(30, 70))
    rows = Dataset.from_list([{"input_ids": ids, "labels": [-100] * 10 + ids[10:]}] * 4)
    out = tmp_path / "run" / "student"
    out.parent.mkdir()
    settings = recipe(base, f"training.method={method}")
    require(settings)
    train(settings, rows, HardTargets(), out, log=tmp_path / "log.jsonl", card="A card.")

    assert load_config(str(out)).architectures == load_config(str(base)).architectures
    before, after = load_file(base / "model.safetensors"), load_file(out / "model.safetensors")
    assert before.keys() == after.keys()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed
    assert all("language_model" in name or name.startswith("lm_head") for name in changed)
    assert any("mlp" in name or "feed_forward" in name for name in changed)

    student = load_model(ModelSettings(path=str(out), device="cpu"))
    assert type(student) is type(load_model(ModelSettings(path=str(base), device="cpu")))
    _, found = AutoModelForImageTextToText.from_pretrained(out, output_loading_info=True)
    assert not any(found.values())
    for name in PROCESSOR_FILES[:2]:
        assert (out / name).read_bytes() == (base / name).read_bytes()
    assert not (out / PROCESSOR_FILES[2]).exists()


def test_a_part_that_cannot_be_put_back_is_refused_before_anything_is_sampled(base, monkeypatch):
    require_whole(ModelSettings(path=str(base)))
    if base.name == "gemma3":
        return
    empty = whole.empty_model
    other = gemma3()
    monkeypatch.setattr(whole, "empty_model", lambda *given, **named: other if named.get("whole") else empty(*given))
    with pytest.raises(UserError, match="the language model cannot be found in Gemma3ForConditionalGeneration"):
        require(recipe(base))


def test_a_checkpoint_without_a_causal_language_model_is_one_line(tmp_path):
    text = {**TEXT, "model_type": "llama"}
    vision = {**VISION, "model_type": "clip_vision_model", "image_size": 28, "patch_size": 14, "projection_dim": 32}
    LlavaForConditionalGeneration(LlavaConfig(text_config=text, vision_config=vision)).save_pretrained(tmp_path)
    with pytest.raises(UserError, match="transformers has no causal language model of the kind Llava") as caught:
        load_model(ModelSettings(path=str(tmp_path), device="cpu"))
    assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match="no causal language model of the kind Llava"):
        require_whole(ModelSettings(path=str(tmp_path)))
