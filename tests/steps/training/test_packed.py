"""Sequences in one row are read as if each were alone, gradients included; models that would mix them are found out."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    Gemma2Config,
    GPT2Config,
    JambaConfig,
    Llama4TextConfig,
    LlamaConfig,
    MistralConfig,
    OPTConfig,
    Qwen3MoeConfig,
)

from selfdistill.errors import UserError
from selfdistill.steps.training.packed import PACKED, flat_rows, in_one_row, keeps_apart
from tiny_models import SIZES

SMALL = {"vocab_size": 261, "num_hidden_layers": 2, "num_attention_heads": 4}
LAYERS = {"attn_layer_offset": 1, "attn_layer_period": 2, "expert_layer_offset": 1, "expert_layer_period": 2}
CONFIGS: dict[str, Any] = {
    "llama": LlamaConfig(**SIZES),
    "gpt2": GPT2Config(vocab_size=261, n_embd=32, n_layer=2, n_head=4, n_positions=64, bos_token_id=0, eos_token_id=0),
    "window": MistralConfig(**SIZES, sliding_window=3),
    "experts": Qwen3MoeConfig(**SIZES, moe_intermediate_size=16, num_experts=4, num_experts_per_tok=2),
    "opt": OPTConfig(**SMALL, hidden_size=32, ffn_dim=48, word_embed_proj_dim=32, max_position_embeddings=64),
    "eager": Gemma2Config(**SIZES),
    "states": JambaConfig(**SIZES, **LAYERS, num_experts=1, mamba_d_state=8, mamba_dt_rank=4),
    "chunks": Llama4TextConfig(**SIZES, intermediate_size_mlp=48, num_local_experts=2, num_experts_per_tok=1),
}
LENGTHS = (9, 4, 1, 12)


def make(name: str) -> Any:
    torch.manual_seed(0)
    return AutoModelForCausalLM.from_config(deepcopy(CONFIGS[name]), dtype=torch.float32).eval()


@pytest.mark.parametrize("name", ["llama", "gpt2", "window", "experts", "opt"])
def test_a_row_of_several_is_read_as_each_alone(name):
    model = make(name)
    ids = torch.randint(5, 200, (1, sum(LENGTHS)), generator=torch.Generator().manual_seed(0))
    alone = torch.cat([model(input_ids=part, use_cache=False).logits for part in ids.split(LENGTHS, dim=1)], dim=1)
    expected = torch.autograd.grad(alone.square().sum(), list(model.parameters()))
    assert keeps_apart(model.train(), quadratic=False)
    assert model.training
    assert model.config._attn_implementation == PACKED
    model.eval()
    together = model(input_ids=ids, **in_one_row(LENGTHS, ids.device), use_cache=False).logits
    torch.testing.assert_close(together, alone, rtol=1e-5, atol=1e-5 * float(alone.detach().abs().max()))
    for one, other in zip(
        torch.autograd.grad(together.square().sum(), list(model.parameters())), expected, strict=True
    ):
        assert float((one - other).norm()) < 1e-5 * float(other.norm()) + 1e-6


@pytest.mark.parametrize(
    ("name", "masked"),
    [("eager", True), ("states", False), ("chunks", False)],
)
def test_where_only_a_mask_helps_or_nothing_the_attention_stays(name, masked):
    model = make(name)
    attention = model.config._attn_implementation
    assert not keeps_apart(model, quadratic=False)
    assert keeps_apart(model, quadratic=True) == masked
    assert model.config._attn_implementation == attention


def test_auto_means_one_row_where_that_is_right_and_fast():
    assert flat_rows("auto", make("llama"))
    assert not flat_rows("auto", make("states"))
    assert not flat_rows("auto", make("eager"))
    assert flat_rows(True, make("eager"))
    assert not flat_rows(False, make("llama"))


def test_packing_that_would_mix_sequences_is_refused():
    with pytest.raises(UserError, match=r"training.packing: JambaForCausalLM does not keep the sequences"):
        flat_rows(True, make("states"))
