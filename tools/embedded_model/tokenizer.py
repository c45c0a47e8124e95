"""The embedded tokenizer: byte-level BPE of 640 entries, digits split, saved as an ordinary fast tokenizer.

A newline and the spaces after it are a piece of their own, so a prompt (which ends with a colon or full stop) and its
completion (which starts with a newline) tokenise together exactly as they do apart. No chat template: this is a base
model.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from selfdistill import files

END_OF_TEXT = "<|endoftext|>"
"""Ends every document; id 0."""
PAD = "<|pad|>"
"""Fills batches; never a target; id 1."""
VOCABULARY_SIZE = 640
_PIECES = r"\n *|[0-9]| ?[A-Za-z_]+| ?[^\sA-Za-z0-9_]+|\s+"


def train(texts: Iterable[str]) -> Any:
    """Learn the merges from texts; gives a `PreTrainedTokenizerFast`."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_PIECES), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY_SIZE,
        special_tokens=[END_OF_TEXT, PAD],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=END_OF_TEXT,
        pad_token=PAD,
        clean_up_tokenization_spaces=False,
        model_max_length=512,
        padding_side="left",
    )


def save(tokenizer: Any, directory: Path) -> None:
    """Write tokenizer.json and tokenizer_config.json, under the class name that every version of transformers knows."""
    tokenizer.save_pretrained(directory)
    path = directory / "tokenizer_config.json"
    settings = files.read_json(path)
    kept = {name: value for name, value in settings.items() if name not in ("is_local", "local_files_only", "backend")}
    files.write_json(path, kept | {"tokenizer_class": "PreTrainedTokenizerFast"})


def load(directory: Path) -> Any:
    """The tokenizer of a model directory."""
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(directory, trust_remote_code=False)
