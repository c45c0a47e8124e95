"""Soft targets on disk: q_s at every sampled position, sparse and exact to float32, one safetensors file a shard.

Arrays of a file, over the samples of its shard in order: `lengths` (samples,) tokens of each sample; `support_sizes`
(tokens,) retained tokens at each position; `token_ids` and `probabilities` (entries,), most probable first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save

from selfdistill.engines.base import SparseTargets
from selfdistill.errors import UserError
from selfdistill.files import write_bytes


def target_path(directory: Path, shard: int) -> Path:
    """The file of one shard."""
    return directory / f"{shard:06d}.safetensors"


def write_targets(path: Path, targets: Sequence[SparseTargets | None]) -> None:
    """Write the targets of a shard's samples, whole or not at all."""
    present = [target for target in targets if target is not None]
    assert len(present) == len(targets), "the engine was asked for targets"
    arrays = {
        "lengths": np.array([len(target.support_sizes) for target in present], dtype=np.int32),
        "support_sizes": np.concatenate([target.support_sizes for target in present]).astype(np.int32),
        "token_ids": np.concatenate([target.token_ids for target in present]).astype(np.int32),
        "probabilities": np.concatenate([target.probabilities for target in present]).astype(np.float32),
    }
    write_bytes(path, save(arrays))


def read_targets(directory: Path) -> Iterator[SparseTargets]:
    """Yield the targets of all samples, in the order of the samples.

    Raises:
        UserError: there are none.
    """
    paths = sorted(directory.glob("*.safetensors"))
    if not paths:
        raise UserError("no soft targets were stored", where=directory, fix="sample again with training.targets: soft")
    for path in paths:
        yield from _read_file(path)


def size_on_disk(directory: Path) -> int:
    """Bytes that the soft targets take."""
    return sum(path.stat().st_size for path in directory.glob("*.safetensors"))


def _read_file(path: Path) -> Iterator[SparseTargets]:
    arrays = load_file(path)
    ends = arrays["lengths"].cumsum()
    entry_ends = np.r_[0, arrays["support_sizes"].cumsum()]
    for start, end in zip(np.r_[0, ends[:-1]], ends, strict=True):
        span = slice(entry_ends[start], entry_ends[end])
        yield SparseTargets(
            arrays["support_sizes"][start:end], arrays["token_ids"][span], arrays["probabilities"][span]
        )
