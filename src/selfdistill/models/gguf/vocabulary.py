"""A tokenizer as a GGUF file holds it: taken from a tokenizers' tokenizer, and made into one again.

Two kinds of byte-pair encoding go in: byte-level (Llama 3, Qwen, SmolLM), which llama.cpp calls `gpt2`, and
sentencepiece's with its byte fallback (Llama 2, Gemma), which it calls `llama`. Any other is refused by name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from selfdistill.errors import UserError
from selfdistill.models.gguf.splits import Split, described, split_named, split_of

BYTE_LEVEL, SENTENCEPIECE = "gpt2", "llama"
"""llama.cpp's `tokenizer.ggml.model`."""
_BLANK = "▁"
_BYTE = re.compile(r"<0x[0-9A-F]{2}>")
_FILLER = re.compile(r"\[PAD\d+\]")
"""Fills a row of the embeddings that no token has."""


class Kind(IntEnum):
    """llama.cpp's `tokenizer.ggml.token_type`."""

    NORMAL = 1
    UNKNOWN = 2
    CONTROL = 3
    USER_DEFINED = 4
    UNUSED = 5
    BYTE = 6


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What becomes `tokenizer.ggml.*`."""

    model: str
    """BYTE_LEVEL or SENTENCEPIECE."""
    pre: str
    """The name of its `Split`; `default` for sentencepiece's, which has none."""
    tokens: tuple[str, ...]
    """By id, one for each row of the embeddings."""
    kinds: tuple[Kind, ...]
    """Of each token."""
    merges: tuple[str, ...]
    """Byte-level: pairs with a blank between, the first to be merged first."""
    scores: tuple[float, ...]
    """Sentencepiece: the token of the highest score is merged first."""
    space_prefix: bool
    """A blank is put before the text."""


def vocabulary_of(tokenizer: Any, rows: int, where: str) -> Vocabulary:
    """The vocabulary of a fast tokenizer.

    Args:
        tokenizer: transformers'.
        rows: of the model's embeddings.
        where: the model's directory.

    Raises:
        UserError: llama.cpp has no tokenizer of this kind.
    """
    tree = json.loads(tokenizer.backend_tokenizer.to_str())
    model = tree["model"]
    if model["type"] != "BPE":
        raise _no_such(f"its tokenizer is a {model['type']} model, not byte-pair encoding", where)
    tokens, kinds = _tokens(tree, rows, where)
    merges = [pair if isinstance(pair, str) else " ".join(pair) for pair in model["merges"]]
    if model.get("byte_fallback"):
        scores = _scores(tokens, merges)
        return Vocabulary(SENTENCEPIECE, "default", tokens, kinds, (), scores, _space_prefix(tree, where))
    split = _split(tree, where)
    if not merges:
        raise _no_such("its tokenizer has no merges", where)
    return Vocabulary(BYTE_LEVEL, split.names[0], tokens, kinds, tuple(merges), (), False)


def byte_level_tokenizer(metadata: Mapping[str, Any], where: str) -> Any:
    """The tokenizer of a GGUF file whose `tokenizer.ggml.model` is `gpt2`.

    transformers has one of its own, which cuts text at other places for some of llama.cpp's rules, and loses tokens
    of white space.

    Args:
        metadata: the file's, with the lists of tokens, merges and types.
        where: the file.

    Raises:
        UserError: its rule for cutting text is not known here.
    """
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    name = metadata.get("tokenizer.ggml.pre", "default")
    split = split_named(name)
    if split is None:
        raise UserError(
            f"its tokenizer cuts text by a rule that is not known here: {name}",
            where=where,
            fix="set model.path to the Hugging Face directory that it was made from",
        )
    tokens: Sequence[str] = metadata["tokenizer.ggml.tokens"]
    special = {key: _token(metadata, key) for key in ("bos", "eos", "unknown", "padding")}
    bos = special["bos"] if metadata.get("tokenizer.ggml.add_bos_token", split.names[0] == "llama-bpe") else None
    tree = {
        "version": "1.0",
        "added_tokens": _added(tokens, metadata["tokenizer.ggml.token_type"]),
        "normalizer": None,
        "pre_tokenizer": described(split),
        "post_processor": _begin_with(bos, tokens) if bos else None,
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": {
            "type": "BPE",
            "vocab": {token: index for index, token in enumerate(tokens) if not _FILLER.fullmatch(token)},
            "merges": list(metadata["tokenizer.ggml.merges"]),
            "ignore_merges": split.ignore_merges,
        },
    }
    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(json.dumps(tree)),
        bos_token=special["bos"],
        eos_token=special["eos"],
        unk_token=special["unknown"],
        pad_token=special["padding"],
        clean_up_tokenization_spaces=False,
    )


def _tokens(tree: Mapping[str, Any], rows: int, where: str) -> tuple[tuple[str, ...], tuple[Kind, ...]]:
    """Every row's token and kind."""
    model, added = tree["model"], {entry["id"]: entry for entry in tree["added_tokens"]}
    by_id = {index: token for token, index in model["vocab"].items()}
    by_id |= {index: entry["content"] for index, entry in added.items()}
    if max(by_id) >= rows:
        raise _no_such(f"its tokenizer has {max(by_id) + 1} tokens, and its embeddings {rows} rows", where)
    tokens, kinds = [], []
    for index in range(rows):
        token = by_id.get(index)
        kind = _kind(token, added.get(index), model)
        if kind is Kind.USER_DEFINED and model.get("byte_fallback"):
            token = str(token).replace(_BLANK, " ")  # it is looked for in the text as it was
        tokens.append(f"[PAD{index}]" if token is None else token)
        kinds.append(kind)
    return tuple(tokens), tuple(kinds)


def _kind(token: str | None, added: Mapping[str, Any] | None, model: Mapping[str, Any]) -> Kind:
    if token is None:
        return Kind.UNUSED
    if model.get("byte_fallback") and token == model.get("unk_token"):
        return Kind.UNKNOWN
    if added is not None:
        return Kind.CONTROL if added["special"] else Kind.USER_DEFINED
    return Kind.BYTE if model.get("byte_fallback") and _BYTE.fullmatch(token) else Kind.NORMAL


def _scores(tokens: Sequence[str], merges: Sequence[str]) -> tuple[float, ...]:
    """Higher for a token that an earlier merge makes. Those that no merge makes come last, in their order."""
    first: dict[str, int] = {}
    for rank, merge in enumerate(merges):
        first.setdefault(merge.replace(" ", "", 1), rank)
    return tuple(-float(first.get(token, len(merges) + index)) for index, token in enumerate(tokens))


def _split(tree: Mapping[str, Any], where: str) -> Split:
    normalizer = tree["normalizer"]
    if normalizer is not None and normalizer["type"] != "NFC":  # llama.cpp leaves out NFC
        raise _no_such(f"its tokenizer changes text by {normalizer['type']}", where)
    split = split_of(tree["pre_tokenizer"], ignore_merges=bool(tree["model"].get("ignore_merges")))
    if split is None:
        raise _no_such("its tokenizer cuts text into pieces by a rule of its own", where)
    return split


def _space_prefix(tree: Mapping[str, Any], where: str) -> bool:
    """Whether a blank comes before the text; refuses what sentencepiece does not do."""
    steps = [step for key in ("normalizer", "pre_tokenizer") for step in _parts(tree[key])]
    prefix = False
    for step in steps:
        kind = step["type"]
        if kind == "Metaspace" and step["replacement"] == _BLANK:
            prefix = prefix or step.get("prepend_scheme", "always") != "never"
        elif kind == "Prepend" and step["prepend"] == _BLANK:
            prefix = True
        elif not _is_blank_rule(step):
            raise _no_such(f"its tokenizer changes text by {kind}", where)
    return prefix


def _is_blank_rule(step: Mapping[str, Any]) -> bool:
    """Whether it writes blanks as sentencepiece does, or cuts before them."""
    if step["type"] == "Replace":
        return (step["pattern"], step["content"]) == ({"String": " "}, _BLANK)
    if step["type"] == "Split":
        return (step["pattern"], step["behavior"]) == ({"String": " "}, "MergedWithPrevious")
    return False


def _parts(step: Mapping[str, Any] | None) -> Sequence[Mapping[str, Any]]:
    if step is None:
        return ()
    inner: Sequence[Mapping[str, Any]] | None = step.get("normalizers", step.get("pretokenizers"))
    return inner if inner is not None else (step,)


def _token(metadata: Mapping[str, Any], name: str) -> str | None:
    index = metadata.get(f"tokenizer.ggml.{name}_token_id")
    return None if index is None else str(metadata["tokenizer.ggml.tokens"][index])


def _added(tokens: Sequence[str], kinds: Sequence[int]) -> list[dict[str, Any]]:
    """Tokens that are found whole in the text."""
    plain = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    return [
        {"id": index, "content": token, **plain, "special": kind == Kind.CONTROL}
        for index, (token, kind) in enumerate(zip(tokens, kinds, strict=True))
        if kind in (Kind.CONTROL, Kind.USER_DEFINED)
    ]


def _begin_with(token: str, tokens: Sequence[str]) -> dict[str, Any]:
    """Put this token before every text."""
    first = {"SpecialToken": {"id": token, "type_id": 0}}
    sequences = [{"Sequence": {"id": name, "type_id": number}} for number, name in enumerate("AB")]
    return {
        "type": "TemplateProcessing",
        "single": [first, sequences[0]],
        "pair": [first, *sequences],
        "special_tokens": {token: {"id": token, "ids": [tokens.index(token)], "tokens": [token]}},
    }


def _no_such(what: str, where: str) -> UserError:
    return UserError(f"cannot be exported: {what}, which llama.cpp does not have", where=where)
