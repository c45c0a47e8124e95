"""The tokens that end a model's turn."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from selfdistill.errors import UserError
from selfdistill.events import warn
from selfdistill.models.configs import load_config
from selfdistill.models.faults import cannot_load
from selfdistill.models.paths import resolve_path
from selfdistill.models.tokenizers import read_tokenizer


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
    configured = getattr(_generation_config(path, revision), "eos_token_id", None)
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


def _generation_config(path: str, revision: str | None) -> Any:
    """As transformers makes it when it loads the model; a checkpoint need not have one."""
    from transformers import GenerationConfig

    resolved = resolve_path(path)
    try:
        return GenerationConfig.from_pretrained(resolved, revision=revision)
    except Exception as error:  # it is not there, or says nothing that makes sense
        if (Path(resolved) / "generation_config.json").exists() or not isinstance(error, OSError):
            raise cannot_load("generation configuration", path, error) from error
        return GenerationConfig.from_model_config(load_config(path, revision))
