"""Tiny random models with tokenizers, made in the test: real Hugging Face directories of several architectures."""

from __future__ import annotations

from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

CHAT_TEMPLATE = (
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
SIZES = {
    "vocab_size": 261,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 256,
    "initializer_range": 0.3,
    "pad_token_id": 0,
    "eos_token_id": 0,
    "bos_token_id": None,
}
"""Of a tiny model of any architecture with these names in its configuration."""
SPECIAL = ["<|endoftext|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>"]


def make_tokenizer(*, chat: bool) -> PreTrainedTokenizerFast:
    """Bytes as tokens, and a few special ones."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: index for index, token in enumerate([*SPECIAL, *alphabet])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<|end|>" if chat else "<|endoftext|>", pad_token="<|endoftext|>"
    )
    fast.add_special_tokens({"additional_special_tokens": SPECIAL[1:]})
    if chat:
        fast.chat_template = CHAT_TEMPLATE
    return fast


def make_model(
    directory: Path,
    *,
    architecture: str = "llama",
    chat: bool = False,
    context: int = 512,
    head_dim: int = 8,
    biases: bool = False,
) -> Path:
    """Save a random model of 2 layers with its tokenizer; `architecture` is llama or qwen3. vLLM wants heads of 32.

    With `biases` its attention has some, and they and the norms are random too.
    """
    tokenizer = make_tokenizer(chat=chat)
    settings = {
        "vocab_size": len(tokenizer),
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": head_dim,
        "max_position_embeddings": context,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
        "bos_token_id": None,
        "tie_word_embeddings": True,
        "initializer_range": 0.4,
        "attention_bias": biases,
    }
    torch.manual_seed(0)
    if architecture == "qwen3":
        model = Qwen3ForCausalLM(Qwen3Config(**settings))
    else:
        model = LlamaForCausalLM(LlamaConfig(**settings))
    if biases:
        for weight in model.parameters():
            if weight.dim() == 1:
                torch.nn.init.uniform_(weight, 0.5, 1.5)
    model.save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    return directory
