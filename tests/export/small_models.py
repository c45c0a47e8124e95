"""Random models of every family that can be exported, with trained tokenizers, as Hugging Face directories."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from selfdistill.models.gguf.splits import described, split_named

TEXT = "\n\n".join(path.read_text() for path in sorted(Path(__file__).parents[1].glob("*.py")))
"""What the tokenizers are trained on."""
HARD = (
    "def f(x):\n    return x + 12345\n\n\n  # it's 3.14, I'll SAY'S\t\ttabs\r\n",
    "naïve Übergröße 你好 😀  \n \n",
    "   leading HTTPServer, camelCase, __init__ == [1, 22, 333]\n        deep",
)
"""Texts on which rules for cutting differ."""
TEMPLATE = (
    "{% for m in messages %}<|user|>{{ m.content }}<|end|>{% endfor %}{% if add_generation_prompt %}<|a|>{% endif %}"
)
SPECIAL = ("<|end|>", "<|user|>", "<|a|>")
KINDS = ("llama", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "gemma3_text")
_LAYERS = {"gemma3_text": 6}


def byte_level(split: str = "gpt-2", *, bos: bool = False) -> PreTrainedTokenizerFast:
    """Byte-level, cut by llama.cpp's rule of that name, with a token of white space and one outside ASCII."""
    rule = split_named(split)
    assert rule is not None
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    special = [*SPECIAL, *(["<s>"] if bos else [])]
    trainer = trainers.BpeTrainer(
        vocab_size=600, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator([TEXT], trainer)
    tree = json.loads(tokenizer.to_str())
    tree["pre_tokenizer"] = described(rule)
    tree["model"]["ignore_merges"] = rule.ignore_merges
    if bos:
        tree["post_processor"] = {
            "type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {"<s>": {"id": "<s>", "ids": [3], "tokens": ["<s>"]}},
        }
    fast = _fast(Tokenizer.from_str(json.dumps(tree)), "<s>" if bos else None)
    fast.add_tokens([AddedToken("        ", normalized=False), AddedToken("<¿>", normalized=False)])
    return fast


def sentencepiece(*, prefix: bool) -> PreTrainedTokenizerFast:
    """As Llama 2's (with a blank before the text) and Gemma's are: merges over letters, bytes for the rest."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    blanks = normalizers.Replace(" ", "▁")
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), blanks]) if prefix else blanks
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    bytes_ = [f"<0x{byte:02X}>" for byte in range(256)]
    trainer = trainers.BpeTrainer(
        vocab_size=600, special_tokens=["<unk>", *SPECIAL, "<s>", *bytes_], show_progress=False, max_token_length=12
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never")
    tokenizer.train_from_iterator([TEXT.encode("ascii", "ignore").decode()], trainer)
    tokenizer.pre_tokenizer = None
    tree = json.loads(tokenizer.to_str())
    tree["added_tokens"] = [entry for entry in tree["added_tokens"] if not entry["content"].startswith("<0x")]
    return _fast(Tokenizer.from_str(json.dumps(tree)), "<s>")


def _fast(tokenizer: Tokenizer, bos: str | None) -> PreTrainedTokenizerFast:
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="<|end|>",
        pad_token="<|end|>",
        bos_token=bos,
        unk_token="<unk>" if bos and "<unk>" in tokenizer.get_vocab() else None,
        clean_up_tokenization_spaces=False,
    )
    fast.chat_template = TEMPLATE
    return fast


def tokenizer_for(kind: str) -> PreTrainedTokenizerFast:
    """What the family comes with."""
    if kind.startswith("gemma"):
        return sentencepiece(prefix=False)
    return byte_level({"llama": "llama-bpe", "mistral": "tekken"}.get(kind, "qwen2"), bos=kind == "llama")


def make_model(directory: Path, kind: str, tokenizer: Any = None, **changes: Any) -> Path:
    """Save a random model of this `model_type`; norms and biases are random too, and 5 rows have no token."""
    tokenizer = tokenizer or tokenizer_for(kind)
    settings = {
        "vocab_size": len(tokenizer) + 5,
        "hidden_size": 64,
        "intermediate_size": 96,
        "num_hidden_layers": _LAYERS.get(kind, 2),
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 32,
        "max_position_embeddings": 512,
        "initializer_range": 0.15,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
        "tie_word_embeddings": kind != "llama",
        "sliding_window": None,
        **({"query_pre_attn_scalar": 32, "sliding_window": 16} if kind in ("gemma2", "gemma3_text") else {}),
        **({"head_dim": 16} if kind == "qwen2" else {}),
        **({"attention_bias": True} if kind == "llama" else {}),
        **changes,
    }
    torch.manual_seed(0)
    config = transformers.AutoConfig.for_model(kind, **settings)
    model = transformers.AutoModelForCausalLM.from_config(config)
    for name, weight in model.named_parameters():
        if weight.dim() == 1:
            torch.nn.init.uniform_(weight, -0.3, 0.3) if name.endswith("bias") else weight.data.add_(
                0.3 * torch.rand_like(weight)
            )
    model.save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    return directory


def messages(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]
