"""A model's tokenizer, and the tokens that end its turn."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from selfdistill.errors import UserError
from selfdistill.events import warn
from selfdistill.models.configs import generation_config
from selfdistill.models.faults import cannot_load
from selfdistill.models.paths import resolve_path


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


def end_of_turn_ids(path: str, revision: str | None = None, template: Sequence[int] = ()) -> tuple[int, ...]:
    """Every token id that ends a model's turn.

    Args:
        path: of the model.
        revision: on the hub.
        template: those with which the chat template ends an answer, where the chat template is used. One that neither
            the generation configuration nor the tokenizer knows counts as well, and is warned of: without it nothing
            would end, and another tool may not know it.

    Raises:
        UserError: the tokenizer or the generation configuration cannot be read.
    """
    tokenizer = read_tokenizer(path, revision)
    configured = getattr(generation_config(path, revision), "eos_token_id", None)
    ids = configured if isinstance(configured, (list, tuple)) else [configured]
    wrong = [token for token in ids if token is not None and (type(token) is not int or token < 0)]
    if wrong:
        raise UserError(f"eos_token_id holds {wrong[0]!r}, no token id", where=path, fix="edit generation_config.json")
    known = {int(token) for token in (*ids, tokenizer.eos_token_id) if token is not None}
    unknown = sorted(set(template) - known)
    if unknown:
        warn(
            f"the chat template ends an answer with {' and '.join(tokenizer.convert_ids_to_tokens(unknown))}, "
            "which neither the tokenizer nor generation_config.json names as an end; here it counts as one"
        )
    return tuple(sorted(known | set(template)))
