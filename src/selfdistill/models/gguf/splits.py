"""How a byte-level tokenizer cuts text before it merges: llama.cpp's names for it, and tokenizers' descriptions.

A GGUF file holds no such rule, only its name, and llama.cpp has the rules built in. So a rule it does not have cannot
be exported, and a file whose rule is unknown here cannot be read: other pieces are other tokens, without any error.
Source: llama.cpp, src/llama-vocab.cpp.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_GPT_2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
"""Built into tokenizers' ByteLevel."""
_CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_REST = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_QWEN_2 = _CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}" + _REST
_LLAMA_3 = _CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}" + _REST
_UPPER, _LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_TEKKEN = (
    rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}*{_LOWER}+|[^\r\n\p{{L}}\p{{N}}]?{_UPPER}+{_LOWER}*"
    r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_DIGIT = r"\p{N}"
_DEEPSEEK_CODER = (r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", r"[一-龥ࠀ-一가-퟿]+", _DIGIT)


@dataclass(frozen=True, slots=True)
class Split:
    """A rule."""

    names: tuple[str, ...]
    """llama.cpp's, `tokenizer.ggml.pre`; the first is written."""
    steps: tuple[str, ...]
    """Regular expressions, one after the other; each cuts out what it matches."""
    ignore_merges: bool = False
    """A piece that is a token as a whole is that token, whatever its merges would give."""


SPLITS = (
    Split(("gpt-2", "mpt", "olmo", "jais", "phi-2"), (_GPT_2,)),
    Split(("smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b"), (_DIGIT, _GPT_2)),
    Split(("qwen2", "stablelm2", "hunyuan", "deepseek-r1-qwen", "megrez"), (_QWEN_2,)),
    Split(("llama-bpe", "llama3", "llama-v3", "falcon3", "pixtral"), (_LLAMA_3,), ignore_merges=True),
    Split(("dbrx", "smaug-bpe"), (_LLAMA_3,)),
    Split(("tekken",), (_TEKKEN,), ignore_merges=True),
    Split(("deepseek-coder",), _DEEPSEEK_CODER),
)


def split_named(name: str) -> Split | None:
    """The rule that llama.cpp calls so."""
    return next((split for split in SPLITS if name in split.names), None)


def split_of(pre_tokenizer: Mapping[str, Any] | None, *, ignore_merges: bool) -> Split | None:
    """The rule that a tokenizer.json describes, if llama.cpp has it.

    Args:
        pre_tokenizer: its `pre_tokenizer`.
        ignore_merges: its model's.
    """
    steps = _steps(pre_tokenizer)
    return next((split for split in SPLITS if (split.steps, split.ignore_merges) == (steps, ignore_merges)), None)


def described(split: Split) -> dict[str, Any]:
    """The rule as a tokenizer.json's `pre_tokenizer`."""
    *first, last = split.steps
    built_in = last == _GPT_2
    own = first if built_in else [*first, last]
    cuts = [{"type": "Split", "pattern": {"Regex": step}, "behavior": "Isolated", "invert": False} for step in own]
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": built_in}
    return {"type": "Sequence", "pretokenizers": [*cuts, byte_level]} if cuts else byte_level


def _steps(pre_tokenizer: Mapping[str, Any] | None) -> tuple[str, ...] | None:
    """The regular expressions that it comes to; none where it does something else as well."""
    if pre_tokenizer is None:
        return None
    parts = pre_tokenizer["pretokenizers"] if pre_tokenizer["type"] == "Sequence" else [pre_tokenizer]
    steps = [_step(part) for part in parts]
    byte_level = bool(parts) and parts[-1]["type"] == "ByteLevel"
    return tuple(step for step in steps if step) if byte_level and None not in steps else None


def _step(part: Mapping[str, Any]) -> str | None:
    """One part's regular expression; empty where it cuts nothing."""
    if part["type"] == "ByteLevel" and not part.get("add_prefix_space"):
        return _GPT_2 if part.get("use_regex", True) else ""
    if part["type"] == "Digits":
        return _DIGIT if part["individual_digits"] else _DIGIT + "+"
    if part["type"] == "Split" and part["behavior"] == "Isolated" and not part["invert"]:
        pattern = part["pattern"]
        return str(pattern["Regex"]) if "Regex" in pattern else re.escape(pattern["String"])
    return None
