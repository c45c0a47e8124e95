"""A model's tokenizer."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from selfdistill.errors import UserError
from selfdistill.models.faults import cannot_load
from selfdistill.models.paths import resolve_path

FILES = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt")
"""Of which a tokenizer has one."""


def load_tokenizer(path: str, revision: str | None = None) -> Any:
    """The model's tokenizer.

    Raises:
        UserError: the model cannot be found or has no tokenizer.
    """
    from transformers import AutoTokenizer

    resolved = resolve_path(path)
    try:
        return AutoTokenizer.from_pretrained(resolved, revision=revision, trust_remote_code=False)
    except Exception as error:  # the libraries underneath have errors of their own for a damaged file
        local = Path(resolved)
        if local.is_dir() and not any((local / name).is_file() for name in FILES):
            raise UserError(
                f"has no tokenizer: none of {', '.join(FILES)} is there",
                where=path,
                fix="fetch the whole model, or put the files of its tokenizer beside it",
            ) from error
        raise cannot_load(
            "tokenizer",
            path,
            error,
            fix="put tokenizer.json and tokenizer_config.json beside the model, or check the name and the network",
        ) from error


def read_tokenizer(path: str, revision: str | None = None) -> Any:
    """The model's tokenizer for those who only read it: one object for all of them, as long as its files stay the same.

    Raises:
        UserError: as `load_tokenizer`.
    """
    local = Path(resolve_path(path))
    files = [file for file in local.glob("*") if file.suffix != ".safetensors"] if local.is_dir() else []
    stamps = sorted((file.name, status.st_mtime_ns, status.st_size) for file in files if (status := file.stat()))
    return _known_tokenizer(path, revision, tuple(stamps))


@lru_cache(maxsize=4)
def _known_tokenizer(path: str, revision: str | None, stamps: tuple[tuple[str, int, int], ...]) -> Any:
    return load_tokenizer(path, revision)
