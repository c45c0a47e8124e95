"""One clear line for whatever a library raises about a model directory."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from selfdistill.errors import UserError
from selfdistill.models.weights import OTHER_FILES, damaged_files, names


def cannot_load(
    what: str, where: str, error: Exception, unconverted: Sequence[str] = (), *, fix: str | None = None
) -> UserError:
    """One line for whatever was raised; `unconverted` weights could not be put together from the checkpoint's."""
    reason = _gist(error)
    damaged = damaged_files(Path(where).expanduser())
    if "trust_remote_code" in str(error):
        reason = "it needs Python code of its own, which is never run"
        fix = "choose a model that transformers knows by itself"
    elif damaged:
        reason = f"damaged or incomplete: {names(damaged)}"
        fix = "fetch the checkpoint again"
    elif unconverted:
        reason = f"the checkpoint lacks a part of these weights, or has it in another shape: {names(list(unconverted))}"
        fix = OTHER_FILES
    elif unknown := re.search(r"Unrecognized configuration class <class '\S+\.(\w+)Config'>", reason):
        reason = f"transformers has no causal language model of the kind {unknown[1]}"
        fix = "choose a model that AutoModelForCausalLM loads"
    elif "no file named model.safetensors" in reason:
        fix = "the weights must be safetensors files; pickled ones are never read"
    elif fix is None:
        fix = OTHER_FILES
    return UserError(f"cannot load the {what}: {reason}", where=where, fix=fix)


def _gist(error: Exception) -> str:
    """The first line of a message, or two where the first only announces the second."""
    if isinstance(error, KeyError):  # its message is the key alone
        return f"it lacks {error}"
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return " ".join(lines[:2]) if lines[0].endswith(":") else lines[0]
