"""Adapters are on every linear layer and on stacked experts, the share is counted right, and merging is exact."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset
from peft import get_peft_model
from safetensors.torch import load_file
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    DeepseekV3Config,
    GPT2Config,
    GptOssConfig,
    JambaConfig,
    LlamaConfig,
    Qwen3MoeConfig,
)

from selfdistill.errors import UserError
from selfdistill.models.load import empty_model
from selfdistill.recipe import load_recipe
from selfdistill.recipe.training import LoraSettings
from selfdistill.steps.training.adapters import lora_config, lora_targets
from selfdistill.steps.training.extras import require_extras
from selfdistill.steps.training.hard_targets import HardTargets
from steps.training.material import train
from tiny_models import SIZES, make_tokenizer

pytestmark = pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")

LATENT = {"kv_lora_rank": 16, "q_lora_rank": 16, "qk_rope_head_dim": 4, "qk_nope_head_dim": 8, "v_head_dim": 8}
STATES = {"attn_layer_offset": 1, "attn_layer_period": 2, "expert_layer_offset": 1, "expert_layer_period": 2}
CONFIGS: dict[str, Any] = {
    "llama": LlamaConfig(**SIZES, tie_word_embeddings=True),
    "gpt_oss": GptOssConfig(**SIZES, num_local_experts=4, num_experts_per_tok=2),
    "qwen3_moe": Qwen3MoeConfig(**SIZES, moe_intermediate_size=16, num_experts=4, num_experts_per_tok=2),
    "deepseek_v3": DeepseekV3Config(
        **{**SIZES, **LATENT, "head_dim": 4, "num_key_value_heads": 4},
        moe_intermediate_size=16,
        n_routed_experts=4,
        num_experts_per_tok=2,
        n_group=1,
        topk_group=1,
        first_k_dense_replace=1,
    ),
    "jamba": JambaConfig(**SIZES, **STATES, num_experts=1, mamba_d_state=8, mamba_dt_rank=4),
    "gpt2": GPT2Config(vocab_size=261, n_embd=32, n_layer=2, n_head=4, n_positions=256, initializer_range=0.3),
}
ATTENTION = {f"self_attn.{name}_proj" for name in "qkvo"}
MLP = {f"mlp.{name}_proj" for name in ("gate", "up", "down")}
EXPERTS = {"mlp.experts.gate_up_proj", "mlp.experts.down_proj"}
LATENT_ATTENTION = {f"self_attn.{n}" for n in ("q_a_proj", "q_b_proj", "kv_a_proj_with_mqa", "kv_b_proj", "o_proj")}
EXPECTED = {
    "llama": ATTENTION | MLP,
    "gpt_oss": ATTENTION | EXPERTS,
    "qwen3_moe": ATTENTION | EXPERTS,
    # The layers that have the names of former experts are adapted too.
    "deepseek_v3": LATENT_ATTENTION | MLP | EXPERTS | {name.replace("mlp", "mlp.shared_experts") for name in MLP},
    # The state space's out_proj and dt_proj are read by its kernel, past any adapter.
    "jamba": ATTENTION
    | {"mamba.in_proj", "mamba.x_proj"}
    | {f"feed_forward.{name.removeprefix('mlp.')}" for name in MLP},
    "gpt2": {"attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj"},
}


def require(recipe) -> None:
    require_extras(recipe.model, recipe.training)


def make(name: str) -> Any:
    torch.manual_seed(0)
    return AutoModelForCausalLM.from_config(CONFIGS[name], dtype=torch.float32).eval()


def kinds(names: tuple[str, ...]) -> set[str]:
    """Names without the model's and the layer's, which are three parts of every name here."""
    return {name.split(".", 3)[3] for name in names}


@pytest.mark.parametrize("name", CONFIGS)
def test_all_linear_means_every_linear_layer_and_the_experts(name):
    targets = lora_targets(make(name), LoraSettings())
    assert kinds((*targets.modules, *targets.stacked)) == EXPECTED[name]
    assert kinds(targets.stacked) == {kind for kind in EXPECTED[name] if ".experts." in kind}
    empty = lora_targets(empty_model(CONFIGS[name], name), LoraSettings())
    assert empty == targets, "an empty model is enough to know"


@pytest.mark.parametrize("name", [name for name in CONFIGS if name != "jamba"])  # which needs its own cache to run
def test_merged_adapters_do_what_they_did_and_the_share_is_of_what_changed(name):
    model, plain = make(name), make(name)
    before = deepcopy(plain.state_dict())
    settings = LoraSettings(rank=3, alpha=5)
    targets = lora_targets(model, settings)
    wrapped = get_peft_model(model, lora_config(model, settings, targets)).eval()
    adapters = {key: value for key, value in wrapped.named_parameters() if "lora_" in key}
    for value in adapters.values():
        value.data = torch.randn_like(value) * 0.1
    ids = torch.arange(20, 60)[None]
    expected = wrapped(input_ids=ids).logits
    merged = wrapped.merge_and_unload()
    assert (merged(input_ids=ids).logits - expected).abs().max() < 1e-3
    assert (plain(input_ids=ids).logits - expected).abs().max() > 0.1
    after = merged.state_dict()
    changed = {key for key in before if not torch.equal(before[key], after[key])}
    assert changed == {
        key if key in targets.stacked else f"{key}.weight" for key in (*targets.modules, *targets.stacked)
    }
    assert targets.adapted == sum(before[key].numel() for key in changed)
    assert targets.total == sum(weight.numel() for weight in plain.parameters())
    assert str(targets).startswith(
        f"adapters on {100 * targets.adapted / targets.total:.1f} % of the model's weights; "
    )


def test_the_output_layer_is_not_adapted():
    with pytest.raises(UserError, match=r"lora.target_modules: the output layer lm_head cannot be adapted"):
        lora_targets(make("gpt_oss"), LoraSettings(target_modules=("q_proj", "lm_head")))


def test_what_stays_as_it_is_is_named_the_largest_first():
    targets = lora_targets(make("gpt_oss"), LoraSettings())
    assert targets.left_out == ("embed_tokens", "lm_head", "mlp.experts.gate_up_proj_bias", "mlp.router")


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (("q_proj", "experts.down_proj"), {"self_attn.q_proj", "mlp.experts.down_proj"}),
        (("gate_up_proj",), {"mlp.experts.gate_up_proj"}),
        (r".*layers\.1\..*\.(k_proj|down_proj)", {"self_attn.k_proj", "mlp.experts.down_proj"}),
    ],
)
def test_a_recipe_may_name_layers_and_stacked_experts(wanted, expected):
    targets = lora_targets(make("gpt_oss"), LoraSettings(target_modules=wanted))
    assert kinds((*targets.modules, *targets.stacked)) == expected


def test_embeddings_are_adapted_where_they_are_named():
    targets = lora_targets(make("llama"), LoraSettings(target_modules=("embed_tokens", "v_proj")))
    assert "model.embed_tokens" in targets.modules
    assert targets.adapted == 261 * 32 + 2 * 32 * 16


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"target_modules": ("q_proj", "v_porj", "w1")},
            r"target_modules: no weight .* named v_porj, w1; there are .*v_proj",
        ),
        ({"target_modules": "q_proj"}, r"no weight of the model is named q_proj; there are "),
        ({"target_modules": "(q_proj"}, r"'\(q_proj' is no regular expression"),
        (
            {"dropout": 0.1},
            r"training.lora.dropout: adapters of stacked experts \(mlp.experts.gate_up_proj\) go without",
        ),
    ],
)
def test_a_mistake_in_the_targets_is_one_line(changes, expected):
    with pytest.raises(UserError, match=expected) as caught:
        lora_targets(make("gpt_oss"), LoraSettings(**changes))
    assert "\n" not in str(caught.value)


@pytest.fixture(scope="module")
def gpt_oss(tmp_path_factory) -> Path:
    directory = tmp_path_factory.mktemp("gpt-oss")
    make("gpt_oss").save_pretrained(directory)
    make_tokenizer(chat=False).save_pretrained(directory)
    return directory


def recipe(model: Path, *changes: str) -> Any:
    lines = [f"model.path={model}", "model.device=cpu", "training.method=lora", "training.targets=hard"]
    lines += ["training.epochs=null", "training.steps=2", "training.warmup_steps=0", "training.batch_size=2"]
    lines += ["training.micro_batch_size=2", "training.learning_rate=1e-2", "training.precision=fp32"]
    return load_recipe("demo", [*lines, *changes])


def test_mistakes_are_found_before_anything_is_sampled(gpt_oss):
    require(recipe(gpt_oss))
    require(recipe(gpt_oss, "training.method=full", "training.lora.dropout=0.1"))
    with pytest.raises(UserError, match="go without dropout"):
        require(recipe(gpt_oss, "training.lora.dropout=0.1"))
    with pytest.raises(UserError, match="is named w2"):
        require(recipe(gpt_oss, "training.lora.target_modules=['w2']"))


def rows() -> Dataset:
    ids = list(range(30, 70))
    return Dataset.from_list([{"input_ids": ids, "labels": [-100] * 10 + ids[10:]}] * 4)


def test_the_students_experts_have_learned_and_the_log_says_the_share(gpt_oss, tmp_path, capfd):
    out = tmp_path / "run" / "student"
    out.parent.mkdir()
    settings = recipe(gpt_oss)
    adapted, weights = train(settings, rows(), HardTargets(), out, log=tmp_path / "log.jsonl", card="A card.")
    base, student = load_file(gpt_oss / "model.safetensors"), load_file(out / "model.safetensors")
    assert base.keys() == student.keys()
    changed = {name for name in base if not torch.equal(base[name], student[name])}
    assert {name.split(".", 3)[3].removesuffix(".weight") for name in changed} == EXPECTED["gpt_oss"]
    assert len(changed) == 2 * len(EXPECTED["gpt_oss"])
    assert adapted == sum(base[name].numel() for name in changed)
    assert weights == sum(tensor.numel() for tensor in base.values())
    share = 100 * adapted / weights
    assert (
        f"lora: adapters on {share:.1f} % of the model's weights; as they are: embed_tokens, " in capfd.readouterr().err
    )
    assert AutoConfig.from_pretrained(out).model_type == "gpt_oss"


def test_a_student_of_nan_is_not_saved(gpt_oss, tmp_path, monkeypatch):
    from selfdistill.steps.training import saving

    def diverged(trained: Any, weights: Any, plain: Any, adapter: Path) -> Any:
        plain.model.norm.weight.data[3] = torch.nan
        return plain

    monkeypatch.setattr(saving, "_merged", diverged)
    out = tmp_path / "run" / "student"
    out.parent.mkdir()
    settings = recipe(gpt_oss)
    with pytest.raises(UserError, match=r"hold nan or infinity: model.norm.weight \(training went astray"):
        train(settings, rows(), HardTargets(), out, log=tmp_path / "log.jsonl", card="A card.")
    assert not out.exists()
