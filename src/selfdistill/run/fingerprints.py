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


def _commit(name: str, revision: str | None) -> str:
    """The commit that a hub model's files come from: the cache keeps each in a folder of that name."""
    from transformers.utils import cached_file

    found = cached_file(name, "config.json", revision=revision)
    return Path(found).parent.name if found else revision or "main"


def fingerprint_model(path: str, revision: str | None) -> str:
    """SHA-256 over a model directory's weights, configuration and tokenizer; for a hub model, its commit."""
    directory = Path(path)
    if not directory.is_dir():
        return f"{path}@{_commit(path, revision)}"
    digest = hashlib.sha256()
    for file in sorted(directory.iterdir()):
        if file.suffix in (".safetensors", ".json"):
            digest.update(f"{file.name}:{fingerprint_file(file)}\n".encode())
    return digest.hexdigest()
