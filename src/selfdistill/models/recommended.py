"""How a model's makers say that it should be decoded: its own generation_config.json."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfdistill.errors import UserError, WrongValueError
from selfdistill.models.paths import resolve_path
from selfdistill.recipe.decoding import Decoding

_NEUTRAL = {
    "repetition_penalty": 1.0,
    "min_p": 0.0,
    "typical_p": 1.0,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
    "no_repeat_ngram_size": 0,
}
"""Further settings that a file may recommend and that are not applied here, with the values that change nothing."""


@dataclass(frozen=True, slots=True)
class Recommended:
    """What the file says."""

    decoding: Decoding | None
    """None where it says nothing."""
    left_out: dict[str, Any]
    """What it recommends beyond temperature, top-k and top-p."""


def recommended(path: str, revision: str | None = None) -> Recommended:
    """Read a model's recommendation.

    A file that says nothing of sampling has none. Where it asks for greedy decoding, that is the recommendation.

    Args:
        path: a directory or a hub id.
        revision: on the hub.

    Raises:
        UserError: there is no such directory, or the file is broken.
    """
    said = _read(path, revision)
    left_out = {key: said[key] for key, neutral in _NEUTRAL.items() if said.get(key) not in (None, neutral)}
    if said.get("do_sample") is False:
        return Recommended(Decoding(temperature=0), left_out)
    values = {key: said[key] for key in ("temperature", "top_k", "top_p") if said.get(key) is not None}
    if not values and not said.get("do_sample"):
        return Recommended(None, left_out)
    values["top_k"] = max(0, values.get("top_k", 0))  # -1 is off for vLLM
    try:
        return Recommended(Decoding(**{"temperature": 1.0, **values}), left_out)
    except WrongValueError as error:
        raise UserError(
            f"recommends a decoding that there is not: {error.what}", where=f"{path}/generation_config.json"
        ) from None


def _read(path: str, revision: str | None) -> dict[str, Any]:
    """The file's own keys: transformers would fill in defaults. Nothing where there is no file."""
    resolved = Path(resolve_path(path))
    file = resolved / "generation_config.json"
    if not resolved.is_dir():
        file = _of_hub(path, revision)
    if not file.is_file():
        return {}
    try:
        said = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"not valid JSON: {error}", where=file, fix="fetch the checkpoint again") from error
    if not isinstance(said, dict):
        raise UserError("holds no settings", where=file, fix="fetch the checkpoint again")
    return said


def _of_hub(path: str, revision: str | None) -> Path:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, LocalEntryNotFoundError

    try:
        return Path(hf_hub_download(path, "generation_config.json", revision=revision))
    except LocalEntryNotFoundError as error:
        raise UserError(
            "cannot be fetched from the hub", where=path, fix="check the network, or give a directory"
        ) from error
    except EntryNotFoundError:
        return Path("/nonexistent")
    except (HfHubHTTPError, OSError, ValueError) as error:
        raise UserError(
            f"cannot be fetched from the hub: {str(error).splitlines()[0]}", where=path, fix="check the name"
        ) from error
