"""Soft targets on disk: q_s at every sampled position, sparse and exact to float32, one safetensors file a shard.

Arrays of a file, over the samples of its shard in order: `lengths` (samples,) tokens of each sample; `support_sizes`
(tokens,) retained tokens at each position; `token_ids` and `probabilities` (entries,), most probable first. The file's
metadata holds `digest`, of its number and the arrays (XXH3, 128 bits).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import xxhash
from safetensors import safe_open
from safetensors.numpy import save

from selfdistill.engines.base import SparseTargets
from selfdistill.errors import UserError, first_line
from selfdistill.files import write_bytes
from selfdistill.records import Sample

_AGAIN = "delete it if it is there, and selfdistill sample makes it again"
_ALL_AGAIN = "delete this folder, and selfdistill sample makes it again"


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
    write_bytes(path, save(arrays, {"digest": _digest(path.stem, arrays)}))


def read_targets(directory: Path) -> Iterator[SparseTargets]:
    """Yield the targets of all samples, in the order of the samples.

    Raises:
        UserError: there are none, one of the files is damaged, or one before the last is missing.
    """
    paths = sorted(directory.glob("*.safetensors"))
    if not paths:
        raise UserError("no soft targets were stored", where=directory, fix="sample again with training.targets: soft")
    for number, path in enumerate(paths):
        if path != target_path(directory, number):
            raise UserError(f"is missing; there is {path.name}", where=target_path(directory, number), fix=_AGAIN)
        yield from _read_file(path)


def is_whole(path: Path) -> bool:
    """Whether the file of a shard is there, and as it was written."""
    try:
        return bool(_arrays(path))
    except UserError:
        return False


def targets_of(samples: Sequence[Sample], directory: Path) -> Iterator[SparseTargets]:
    """Yield one target a sample, each as long as its sample.

    Args:
        samples: all of a run, in order.
        directory: of their targets.

    Raises:
        UserError: as `read_targets`; or the targets are not those of the samples.
    """
    count = 0
    for count, target in enumerate(read_targets(directory), start=1):
        if count > len(samples) or len(target.support_sizes) != len(samples[count - 1].token_ids):
            raise UserError(f"the soft targets of sample {count} are not its own", where=directory, fix=_ALL_AGAIN)
        yield target
    if count < len(samples):
        raise UserError(f"{count} of {len(samples)} samples have soft targets", where=directory, fix=_ALL_AGAIN)


def size_on_disk(directory: Path) -> int:
    """Bytes that the soft targets take."""
    return sum(path.stat().st_size for path in directory.glob("*.safetensors"))


def _read_file(path: Path) -> Iterator[SparseTargets]:
    arrays = _arrays(path)
    ends = arrays["lengths"].cumsum()
    entry_ends = np.r_[0, arrays["support_sizes"].cumsum()]
    for start, end in zip(np.r_[0, ends[:-1]], ends, strict=True):
        span = slice(entry_ends[start], entry_ends[end])
        yield SparseTargets(
            arrays["support_sizes"][start:end], arrays["token_ids"][span], arrays["probabilities"][span]
        )


def _arrays(path: Path) -> dict[str, np.ndarray]:
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dictionary
    except Exception as error:  # safetensors has an error of its own that is none of Python's
        raise UserError(f"damaged: {first_line(error)}", where=path, fix=_AGAIN) from error
    if metadata.get("digest") != _digest(path.stem, arrays):
        raise UserError("damaged: its digest differs", where=path, fix=_AGAIN)
    return arrays


def _digest(shard: str, arrays: Mapping[str, np.ndarray]) -> str:
    digest = xxhash.xxh3_128(shard.encode())
    for name, array in sorted(arrays.items()):
        digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array).view(np.uint8).data)
    return digest.hexdigest()
