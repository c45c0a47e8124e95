"""Fingerprints of models and files: enough to notice that something changed under a run."""

from __future__ import annotations

import hashlib
from pathlib import Path

WHOLE_BELOW = 64 * 2**20
"""A larger file is known by its size, its first and its last megabyte: hashing 60 GB would take minutes."""
_EDGE = 2**20


def fingerprint_file(path: Path) -> str:
    """SHA-256 of a file; of size and edges for a large one."""
    size = path.stat().st_size
    digest = hashlib.sha256()
    with path.open("rb") as file:
        if size < WHOLE_BELOW:
            digest.update(file.read())
        else:
            digest.update(str(size).encode())
            digest.update(file.read(_EDGE))
            file.seek(-_EDGE, 2)
            digest.update(file.read())
    return digest.hexdigest()


def fingerprint_model(path: str, revision: str | None) -> str:
    """SHA-256 over a model directory's weights, configuration and tokenizer; for a hub model, its commit."""
    directory = Path(path)
    if not directory.is_dir():
        from selfdistill.engines.models import load_config

        commit = getattr(load_config(path, revision), "_commit_hash", None)
        return f"{path}@{commit or revision or 'main'}"
    digest = hashlib.sha256()
    for file in sorted(directory.iterdir()):
        if file.suffix in (".safetensors", ".json"):
            digest.update(f"{file.name}:{fingerprint_file(file)}\n".encode())
    return digest.hexdigest()
