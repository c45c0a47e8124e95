"""A tiny random model of every type in transformers' own list of causal language models.

Configurations are shrunk by the names of their fields, which models share; what a type needs beyond that is in `EXTRA`.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedConfig
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

VOCABULARY = 64
WINDOW = 6  # positions that a sliding layer sees: prompts of the tests are longer and shorter

_SIZES: dict[int, str] = {
    VOCABULARY: "vocab_size decoder_vocab_size vocab_size_per_layer_input",
    32: "hidden_size d_model n_embd embed_dim word_embed_proj_dim embedding_size dim_model "
    "ple_embed_dim backbone_hidden_size hc_lowrank lru_width adapter_out_dim adapter_in_dim adapter_input_size",
    48: "intermediate_size ffn_dim decoder_ffn_dim encoder_ffn_dim n_inner dff dim_ff d_ff feed_forward_size "
    "intermediate_size_mlp dense_intermediate_size moe_intermediate_size shared_expert_intermediate_size "
    "shared_intermediate_size moe_shared_expert_intermediate_size shared_experts_intermediate_size "
    "expert_ffn_hidden_size mamba_intermediate pronunciation_embed_dim",
    2: "num_hidden_layers n_layer n_layers num_layers decoder_layers encoder_layers num_decoder_layers "
    "num_encoder_layers num_key_value_heads num_kv_heads num_experts_per_tok moe_topk moe_k top_k_experts "
    "swa_num_key_value_heads index_topk_blocks linear_num_key_heads",
    4: "num_attention_heads n_head n_heads num_heads decoder_attention_heads encoder_attention_heads "
    "num_decoder_attention_heads num_encoder_attention_heads num_experts num_local_experts n_routed_experts "
    "linear_num_heads linear_num_value_heads swa_num_attention_heads hidden_size_per_layer_input "
    "laurel_rank o_lora_rank",
    8: "head_dim linear_key_head_dim linear_value_head_dim linear_head_dim qk_nope_head_dim v_head_dim "
    "index_head_dim swa_head_dim state_size mamba_d_state ssm_state_size gated_norm_rank adapter_rank "
    "kv_channels attention_head_size chunk_size mamba_chunk_size d_rel index_block_size",
    4096: "max_position_embeddings n_positions max_seq_len max_sequence_length",
}
"""Value, and the fields that get it wherever a configuration has them."""
SIZES = {name: value for value, names in _SIZES.items() for name in names.split()} | {
    "kv_lora_rank": 16,
    "q_lora_rank": 16,
    "qk_rope_head_dim": 4,
    "sliding_window": WINDOW,
    "sliding_window_size": WINDOW,
    "attention_chunk_size": WINDOW,
    "index_topk": 4,
    "index_n_heads": 16,
    "first_k_dense_replace": 1,
    "hidden_size_global": 32,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "initializer_range": 0.3,
    "init_std": 0.3,
}

_QWEN2 = {"model_type": "qwen2", "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2} | {
    "hidden_size": 32,
    "intermediate_size": 48,
    "vocab_size": VOCABULARY,
    "initializer_range": 0.3,
}
_PERSIMMON = _QWEN2 | {"model_type": "persimmon"}
_SLIDING_AND_FULL = ["sliding_attention", "full_attention"]
_ALL_HEADS = {"num_key_value_heads": 4}  # latent attention: as many as there are queries
_GROUPS = {"n_group": 2, "topk_group": 1}
_ZAMBA = {"layers_block_type": ["linear_attention", "hybrid", "hybrid"], "num_hidden_layers": 3}
_VISION = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 1, "num_attention_heads": 4}
_MAMBA2 = {"mamba_n_heads": 4, "mamba_d_head": 16}
_DOTS_SLIDING = {
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "q_lora_rank": 16,
    "kv_lora_rank": 16,
    "head_dim": 12,
    "qk_nope_head_dim": 8,
    "v_head_dim": 8,
    "qk_rope_head_dim": 4,
}

EXTRA: dict[str, dict[str, Any]] = {
    "axk1": _ALL_HEADS | _GROUPS,
    "axk2": _ALL_HEADS,
    "bailing_hybrid": _ALL_HEADS | _GROUPS,
    "bamba": _MAMBA2 | {"attn_layer_indices": [1], "mamba_proj_bias": True},
    "beam": _GROUPS,
    "blt": {"encoder_hash_byte_group_vocab": 64},
    "codegen": {"rotary_dim": 4},
    "cohere_compass_text": {
        "layer_types": _SLIDING_AND_FULL,
        "rope_parameters": {kind: {"rope_type": "default", "rope_theta": 10000.0} for kind in _SLIDING_AND_FULL},
    },
    "dbrx": {
        "attn_config": {"kv_n_heads": 2, "rope_theta": 10000.0, "clip_qkv": 8.0},
        "ffn_config": {"ffn_hidden_size": 48, "moe_num_experts": 4, "moe_top_k": 2},
    },
    "deepseek_v2": _ALL_HEADS,
    "deepseek_v3": _ALL_HEADS | _GROUPS,
    "deepseek_v32": _ALL_HEADS | _GROUPS,
    "dots1": {"n_shared_experts": 1},
    "dots3_note_text": {"num_key_value_heads": 4, "per_layer_config": {1: _DOTS_SLIDING}},
    "dots3_note_vision_encoder": {"per_layer_config": {}, "mlp_layer_types": ["dense", "dense"]},
    "falcon_h1": {"mamba_d_ssm": 64, "mamba_n_heads": 4, "mamba_d_head": 16},
    "fuyu": {"text_config": _PERSIMMON},
    "gemma3": {"vision_config": _VISION},
    "gemma3n_text": {"num_kv_shared_layers": 2, "num_hidden_layers": 4, "layer_types": _SLIDING_AND_FULL * 2},
    "glm4_moe_lite": _ALL_HEADS,
    "glm_moe_dsa": _ALL_HEADS,
    "got_ocr2": {
        "text_config": _QWEN2,
        "vision_config": {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 4, "mlp_dim": 32},
    },
    "gpt_neo": {"attention_types": [[["global", "local"], 1]], "window_size": WINDOW},
    "gptj": {"rotary_dim": 4},
    "granitemoehybrid": _MAMBA2 | {"layer_types": ["linear_attention", "full_attention"]},
    "jamba": {"attn_layer_period": 2, "attn_layer_offset": 1},
    "kimi_linear": _ALL_HEADS,
    "lfm2": {"layer_types": ["conv", "full_attention"], "conv_bias": True},
    "lfm2_moe": {"layer_types": ["conv", "full_attention"], "num_dense_layers": 1},
    "longcat_flash": {"zero_expert_num": 2, "num_key_value_heads": 4, "head_dim": 4},
    "mamba2": {"num_heads": 4, "head_dim": 16, "n_groups": 2},
    "minicpm3": _ALL_HEADS,
    "minimax_m3_vl_text": {
        "layer_types": ["full_attention", "minimax_m3_sparse"],
        "rotary_dim": 4,
        "index_block_size": 4,
        "index_n_heads": 2,
    },
    "moss_transcribe_diarize": {"text_config": _QWEN2 | {"model_type": "qwen3"}},
    "nemotron_h": {"mamba_num_heads": 4, "mamba_head_dim": 16, "n_groups": 2},
    "prophetnet": {"max_position_embeddings": 128},
    "qwen4_exp_text": {
        "ple_layer_ids": [1],
        "heads_per_ngram": 2,
        "ngram_vocab_size_base": 100,
        "split_ngram_parts": 1,
        "indexer_n_heads": 2,
        "indexer_kv_heads": 1,
        "indexer_head_dim": 8,
        "indexer_budget": 4,
        "indexer_compress_ratio": 2,
    },
    "recurrent_gemma": {"num_hidden_layers": 3},
    "reformer": {"is_decoder": True, "axial_pos_embds": False, "attn_layers": ["local", "lsh"], "num_buckets": 4},
    "roc_bert": {
        "shape_vocab_size": 64,
        "pronunciation_vocab_size": 64,
        "shape_embed_dim": 16,
        "pronunciation_embed_dim": 16,
    },
    "xlm": {"emb_dim": 32, "causal": True},
    "xlnet": {"d_inner": 48},
    "xlstm": {"hidden_size": 128, "num_heads": 2},
    "xmod": {"default_language": "en_XX", "languages": ["en_XX"]},
    "youtu": _ALL_HEADS,
    "zamba": _ZAMBA,
    "zamba2": _ZAMBA,
    "zaya": {"num_experts_per_tok": 1, "layer_types": ["hybrid", "hybrid_sliding"]},
}
"""Model type, and what its configuration needs beyond `SIZES`; None leaves a field at its default."""


def tiny_config(model_type: str, config_class: type | None = None) -> PreTrainedConfig:
    """One layer of each kind that the type's default configuration has, at least two layers."""
    config_class = config_class or CONFIG_MAPPING[model_type]
    names = {field.name for field in dataclasses.fields(config_class)}
    extra = EXTRA.get(model_type, {})
    settings = {name: value for name, value in SIZES.items() if name in names}
    settings |= _kinds(config_class, names) if "layer_types" not in extra else {}
    settings |= {
        name: tiny_config(sub.model_type, sub) if sub is not AutoConfig else None
        for name, sub in config_class.sub_configs.items()
        if name in names and name not in extra
    }
    settings |= extra
    return config_class(**{name: value for name, value in settings.items() if value is not None})


def tiny_model(model_type: str, seed: int = 0, **changes: Any) -> Any:
    """A random model in float32, in evaluation mode; `changes` go to its configuration."""
    config = tiny_config(model_type)
    for name, value in changes.items():
        setattr(config, name, value)
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()
    _fill_zeros(model)
    return model


@torch.no_grad()
def _fill_zeros(model: Any) -> None:
    """Biases and the padding token's embedding start at zero, and would hide what padding does to other tokens."""
    for module in model.modules():
        bias = getattr(module, "bias", None)
        if isinstance(bias, torch.nn.Parameter) and not bias.any():
            bias.normal_(std=0.3)
        if isinstance(module, torch.nn.Embedding) and module.padding_idx is not None:
            module.weight[module.padding_idx].normal_(std=0.3)


def _kinds(config_class: type, names: set[str]) -> dict[str, Any]:
    """Layer types by their first occurrence in the default configuration."""
    if not names & {"layer_types", "layers_block_type"}:
        return {}
    default = config_class()
    found: dict[str, Any] = {}
    count = 2
    for name in ("layers_block_type", "layer_types", "mlp_layer_types"):
        kinds = list(dict.fromkeys(getattr(default, name, None) or []))
        if name in names and len(kinds) > 1:
            count = max(count, len(kinds))
            found[name] = kinds
    found = {name: (kinds * count)[:count] for name, kinds in found.items()}
    return found | {"num_hidden_layers": count}
