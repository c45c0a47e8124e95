"""Models of many architectures score their own predictions as plain PyTorch does from their logits."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    Cohere2Config,
    FalconH1Config,
    Gemma2Config,
    Gemma3Config,
    GPT2Config,
    GraniteConfig,
    Llama4TextConfig,
    LlamaConfig,
    PhiConfig,
    Qwen3MoeConfig,
)

from selfdistill import events
from selfdistill.steps.training.head import Scored, add_scoring
from selfdistill.steps.training.soft import soft_cross_entropy
from tiny_models import SIZES

EXPERTS = {"moe_intermediate_size": 16, "num_experts": 4, "num_experts_per_tok": 2}
STATES = {"mamba_d_ssm": 32, "mamba_n_heads": 4, "mamba_d_head": 8, "mamba_d_state": 8, "mamba_n_groups": 1}
VISION = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 1, "num_attention_heads": 4}
CONFIGS: dict[str, Any] = {
    "llama": LlamaConfig(**SIZES, tie_word_embeddings=False),
    "tied": LlamaConfig(**SIZES, tie_word_embeddings=True),
    "gpt2": GPT2Config(vocab_size=261, n_embd=32, n_layer=2, n_head=4, n_positions=256),
    "bias": PhiConfig(**SIZES),
    "capped": Gemma2Config(**SIZES, final_logit_softcapping=3.0),
    "scaled": Cohere2Config(**SIZES, logit_scale=0.4),
    "divided": GraniteConfig(**SIZES, logits_scaling=4.0),
    "multiplied": FalconH1Config(**{**SIZES, "head_dim": 8}, **STATES, lm_head_multiplier=0.3),
    "experts": Qwen3MoeConfig(**SIZES, **EXPERTS, output_router_logits=True),
    "llama4": Llama4TextConfig(**SIZES, intermediate_size_mlp=48, num_local_experts=2, num_experts_per_tok=1),
    "multimodal": Gemma3Config(
        # Its class does not heed the cap.
        text_config={**SIZES, "final_logit_softcapping": 2.0, "vocab_size": 270},
        vision_config={**VISION, "image_size": 28, "patch_size": 14},
        mm_tokens_per_image=4,
        image_token_index=269,
    ),
}
IDS = torch.arange(20, 60).reshape(2, 20)
POSITIONS = torch.tensor([3, 4, 5, 18, 22, 30, 31, 38, 11, 12, 13])
"""Of the 40 tokens of two rows; more than are probed."""


def make(config: Any) -> Any:
    torch.manual_seed(0)
    kind = AutoModelForCausalLM
    return kind.from_config(config, dtype=torch.float32, attn_implementation="eager").eval()


def targets() -> tuple[torch.Tensor, torch.Tensor]:
    draws = torch.Generator().manual_seed(0)
    token_ids = torch.stack([torch.randperm(261, generator=draws)[:3] for _ in POSITIONS])
    weights = torch.rand(len(POSITIONS), 3, generator=draws)
    return token_ids, weights / weights.sum(-1, keepdim=True)


def score(model: Any) -> torch.Tensor:
    token_ids, probabilities = targets()
    scored = Scored(POSITIONS, lambda start, end: (token_ids[start:end], probabilities[start:end]))
    outputs = model(input_ids=IDS, use_cache=False, scored=scored)
    assert outputs.logits is None
    return outputs.loss


def expect(model: Any) -> torch.Tensor:
    logits = model(input_ids=IDS, use_cache=False).logits
    return soft_cross_entropy(logits.reshape(-1, logits.shape[-1])[POSITIONS], *targets())


def assert_same(model: Any) -> None:
    plain = expect(model)
    theirs = torch.autograd.grad(plain, list(model.parameters()), allow_unused=True)
    add_scoring(model)
    for _ in ("checked", "trusted"):
        loss = score(model)
        mine = torch.autograd.grad(loss, list(model.parameters()), allow_unused=True)
        torch.testing.assert_close(loss, plain, rtol=2e-6, atol=0)
        for (name, _), one, other in zip(model.named_parameters(), mine, theirs, strict=True):
            assert (one is None) == (other is None), name
            if one is not None:
                assert float((one - other).norm()) <= 4e-6 * float(other.norm()) + 1e-7, name
    torch.testing.assert_close(expect(model), plain, msg="logits can still be had")


@pytest.fixture
def said(monkeypatch) -> list[str]:
    lines: list[str] = []
    monkeypatch.setattr(events, "say", lambda event, line, **facts: lines.append(line))
    monkeypatch.setattr(events, "_warned", set())
    return lines


@pytest.mark.parametrize("name", CONFIGS)
def test_a_model_scores_as_its_logits_say(name, said):
    model = make(CONFIGS[name])
    assert_same(model)
    assert not said, "no logits of all positions"


def test_a_model_that_does_more_to_its_logits_is_found_out_and_still_right(said):
    model = make(CONFIGS["llama"])
    own = model.forward

    def forward(*args: Any, **kwargs: Any) -> Any:
        outputs = own(*args, **kwargs)
        outputs.logits = outputs.logits + torch.linspace(-1, 1, 261)
        return outputs

    model.forward = forward
    assert_same(model)
    assert len(said) == 1
    assert "training holds the logits of all completion positions at once" in said[0]


def test_a_model_that_goes_past_its_head_is_right(said):
    model = make(CONFIGS["llama"])

    def forward(input_ids: torch.Tensor, **_: Any) -> Any:
        outputs = model.model(input_ids=input_ids, use_cache=False)
        outputs.logits = torch.nn.functional.linear(outputs.last_hidden_state, model.lm_head.weight)
        return outputs

    model.forward = forward
    assert_same(model)


def test_a_micro_batch_without_a_scored_position_has_a_loss_of_nothing():
    model = make(CONFIGS["llama"])
    add_scoring(model)
    empty = Scored(POSITIONS[:0], lambda start, end: pytest.fail("there is nothing to look up"))
    loss = model(input_ids=IDS, scored=empty).loss
    loss.backward()
    assert float(loss.detach()) == 0
    assert all(weight.grad is not None for weight in model.parameters())
