"""Where a model is: the embedded one, a local directory, a GGUF file's, or a hub id."""

from __future__ import annotations

from pathlib import Path

from selfdistill.embedded.directory import model_dir
from selfdistill.errors import UserError
from selfdistill.models.gguf.read import dequantised, named_file


def resolve_path(path: str) -> str:
    """A directory or hub id that transformers can load.

    `embedded` becomes the package's own model, a GGUF file the directory that it is dequantised into.

    Raises:
        UserError: it looks like a local path and is not there, or is not a model directory, or a file of another kind.
    """
    if path == "embedded":
        return str(model_dir())
    local = Path(path).expanduser()
    if file := named_file(local):
        return str(dequantised(file))
    if local.is_dir():
        if not (local / "config.json").is_file():
            raise UserError("not a model directory: it has no config.json", where=path)
        return str(local)
    if local.is_file():
        raise UserError("is a file", where=path, fix="set model.path to a directory, a GGUF file or a hub id")
    if path.startswith((".", "/", "~")) or path.count("/") != 1:
        raise UserError("no such model directory", where=path, fix="set model.path to a directory or a hub id")
    return path


def is_local(path: str) -> bool:
    """Whether a model's path is not one of the hub's."""
    return path == "embedded" or Path(path).expanduser().exists()
