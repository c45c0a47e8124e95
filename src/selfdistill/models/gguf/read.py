"""Read a GGUF file as a base model: once dequantised by transformers into an ordinary directory, which all else reads.

So a quantised model is sampled from, trained, planned for and served like any other. The directory is in the user's
cache, 2 bytes a weight (4 where the file has float32), and is made again when the file changes.

transformers leaves some of a file out without a word; here every number must find its place in the model, and what
the metadata says about positions, heads and biases goes into the configuration.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import redirect_stderr
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from selfdistill.digests import file_digest
from selfdistill.errors import UserError, first_line
from selfdistill.events import warn
from selfdistill.files import read_sealed, write_sealed
from selfdistill.models.gguf.families import gemma_scale
from selfdistill.models.gguf.rope import rope_settings
from selfdistill.models.gguf.vocabulary import BYTE_LEVEL, byte_level_tokenizer
from selfdistill.models.weights import check_finite, loading_report, names

if TYPE_CHECKING:
    import torch

FORMAT = 2
"""Of what is in the cache; a change of this file that changes what it writes raises it."""
SEAL = "gguf.json"
"""In the directory beside the model: `kinds` of numbers that the file had, to say so again, and a digest of each of the
other `files`."""
_PART = re.compile(r"-\d{5}-of-(\d{5})\.gguf$")


@dataclass(frozen=True, slots=True)
class _File:
    """A GGUF file's metadata and tensors."""

    path: Path
    metadata: Mapping[str, Any]
    tensors: Mapping[str, tuple[int, str]]
    """By name: how many numbers, and their type, e.g. `Q4_K`."""
    divisors: np.ndarray | None
    """`rope_freqs.weight`."""

    def get(self, key: str, default: Any = None) -> Any:
        """A setting of the architecture."""
        return self.metadata.get(f"{self.metadata['general.architecture']}.{key}", default)


def named_file(path: Path) -> Path | None:
    """The GGUF file that a model's path names: itself, or the only one in a directory that is no model directory.

    Raises:
        UserError: there are several, or it is one part of several.
    """
    if path.is_dir() and not (path / "config.json").is_file():
        found = sorted(path.glob("*.gguf"))
        if len(found) > 1:
            listed = names([file.name for file in found])
            raise UserError(f"holds {len(found)} GGUF files: {listed}", where=path, fix="name one of them")
        path = found[0] if found else path
    if not (path.suffix == ".gguf" and path.is_file()):
        return None
    if (part := _PART.search(path.name)) and int(part[1]) > 1:
        raise UserError(f"is one of {int(part[1])} parts", where=path, fix="join them: llama-gguf-split --merge")
    return path


def dequantised(path: Path) -> Path:
    """The directory in the cache that holds this file's model, made now if it is not there; says so.

    Raises:
        UserError: transformers cannot read the file, or would leave a part of it out; or there is no room; or what is
            in the cache was damaged since.
    """
    directory = made(path)
    kinds = _kinds(directory)
    warn(f"{path.name}: {kinds} dequantised by transformers, for sampling and for training; kept in {directory}")
    return directory


def made(path: Path) -> Path:
    """`dequantised`, unchecked and without a word."""
    status = path.stat()
    key = f"{path.resolve()}:{status.st_size}:{status.st_mtime_ns}:{FORMAT}"
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "selfdistill" / "gguf"
    directory = cache / f"{path.stem}-{hashlib.sha256(key.encode()).hexdigest()[:12]}"
    if not directory.is_dir():
        _convert(_open(path), directory)
    return directory


def _kinds(directory: Path) -> str:
    """Of numbers that the file had, where all is in the cache as it was written."""
    fix = f"delete {directory}, and it is made again"
    sealed = read_sealed(directory / SEAL, fix)
    for name, digest in sealed["files"].items():
        path = directory / name
        if not path.is_file():
            raise UserError("is missing", where=path, fix=fix)
        if file_digest(path) != digest:
            raise UserError("differs from what was written: its digest is another", where=path, fix=fix)
    return str(sealed["kinds"])


def _digests(directory: Path) -> dict[str, str]:
    return {path.name: file_digest(path) for path in sorted(directory.iterdir())}


def _open(path: Path) -> _File:
    from gguf import GGUFReader

    try:
        reader = GGUFReader(path)
        metadata = {name: field.contents() for name, field in reader.fields.items()}
        tensors = {t.name: (prod(map(int, t.shape)), t.tensor_type.name) for t in reader.tensors}
    except Exception as error:  # the reader checks nothing: a damaged file gives whatever error it runs into
        raise UserError(f"not a whole GGUF file: {first_line(error)}", where=path, fix="fetch it again") from error
    if "general.architecture" not in metadata:
        raise UserError("not a model's file: it names no architecture", where=path)
    divisors = next((np.array(t.data, dtype=np.float32) for t in reader.tensors if t.name == "rope_freqs.weight"), None)
    return _File(path, metadata, tensors, divisors)


def _convert(file: _File, directory: Path) -> None:
    """Make the directory beside its place, and rename it; another process may be doing the same."""
    dtype = _dtype(file)
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        needed = sum(count for count, _ in file.tensors.values()) * dtype.itemsize
        free = shutil.disk_usage(directory.parent).free
        if free < needed:
            raise UserError(
                f"dequantised it takes {needed / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free in {directory.parent}",
                where=file.path,
                fix="free some, or set XDG_CACHE_HOME to another disk",
            )
        with tempfile.TemporaryDirectory(dir=directory.parent, prefix=".partial-") as folder:
            partial = Path(folder) / "model"
            _save(file, partial, dtype)
            try:
                partial.rename(directory)
            except OSError:
                if not directory.is_dir():  # else the other process was first, with the same
                    raise
    except OSError as error:
        raise UserError(
            f"cannot write: {error.strerror or error}", where=directory, fix="set XDG_CACHE_HOME to another disk"
        ) from error


def _dtype(file: _File) -> torch.dtype:
    """Of the matrices where they are plain; bfloat16 for anything quantised, whose error is far beyond its rounding."""
    import torch

    plain = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
    kinds = {kind for name, (_, kind) in file.tensors.items() if name.endswith(".weight") and "norm" not in name}
    kinds -= {"F32"} if len(kinds) > 1 else set()
    return plain.get(kinds.pop(), torch.bfloat16) if len(kinds) == 1 else torch.bfloat16


def _save(file: _File, directory: Path, dtype: torch.dtype) -> None:
    where = str(file.path)
    with loading_report(), redirect_stderr(io.StringIO()):  # its progress bar cannot be turned off
        try:
            config = _config(file)
            model, found = _read(file, config, dtype)
            tokenizer = _tokenizer(file)
        except UserError:
            raise
        except Exception as error:  # transformers has many kinds for a file that it cannot read
            raise UserError(f"transformers cannot read it: {first_line(error)}", where=where) from error
    _check_all(file, model, found)
    check_finite(model.named_parameters(), where, fix="fetch it again")
    plain = type(model)(type(config).from_dict(_settings(config))).to(dtype)
    plain.load_state_dict(model.state_dict())
    plain.generation_config = model.generation_config
    plain.save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    _check_tokenizer(directory, tokenizer, where)
    kinds = sorted({kind for _, kind in file.tensors.values()} - {"F32"}) or ["F32"]
    write_sealed(directory / SEAL, {"kinds": ", ".join(kinds), "files": _digests(directory)})


def _read(file: _File, config: Any, dtype: torch.dtype) -> tuple[Any, dict[str, Any]]:
    """The model, and what transformers says about its weights."""
    import transformers

    transformers.utils.logging.disable_progress_bar()
    settings = getattr(transformers, "GgufConfig", None)  # since some version it may leave weights packed
    return transformers.AutoModelForCausalLM.from_pretrained(
        file.path.parent,
        gguf_file=file.path.name,
        config=config,
        dtype=dtype,
        output_loading_info=True,
        ignore_mismatched_sizes=True,  # `_check_all` refuses them, by name
        trust_remote_code=False,
        **({"quantization_config": settings(dequantize=True)} if settings else {}),
    )


def _config(file: _File) -> Any:
    """transformers' configuration, with what it leaves out of the file's metadata."""
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(file.path.parent, gguf_file=file.path.name, trust_remote_code=False)
    kind = file.metadata["general.architecture"]
    rope = getattr(config, "rope_parameters", None)
    if isinstance(rope, dict):
        full = rope.get("full_attention", rope)
        prefix = f"{kind}."
        settings = {name.removeprefix(prefix): value for name, value in file.metadata.items()}
        full.update(rope_settings(settings, file.divisors, float(full.get("rope_theta", 1e4)), str(file.path)))
    elif file.divisors is not None or file.get("rope.scaling.type", "none") != "none":
        raise UserError(f"a {kind} model with stretched positions cannot be read", where=file.path)
    if hasattr(config, "head_dim") and (size := file.get("attention.key_length")):
        config.head_dim = int(size)
    if hasattr(config, "attention_bias"):
        config.attention_bias = "blk.0.attn_q.bias" in file.tensors
    if hasattr(config, "mlp_bias"):
        config.mlp_bias = "blk.0.ffn_up.bias" in file.tensors
    if kind in ("gemma2", "gemma3"):
        config.query_pre_attn_scalar = gemma_scale(kind, config)
        for name in ("attn_logit_softcapping", "final_logit_softcapping"):
            setattr(config, name, file.get(name, getattr(config, name)))
    return config


def _settings(config: Any) -> dict[str, Any]:
    """As a checkpoint of its own would have them."""
    settings = dict(config.to_dict())
    for name in ("quantization_config", "_model_name_or_path", "_name_or_path"):
        settings.pop(name, None)
    return settings


def _tokenizer(file: _File) -> Any:
    from transformers import AutoTokenizer

    template = file.metadata.get("tokenizer.chat_template")
    if file.metadata.get("tokenizer.ggml.model") == BYTE_LEVEL:
        tokenizer = byte_level_tokenizer(file.metadata, str(file.path))
        tokenizer.chat_template = template
        return tokenizer
    return AutoTokenizer.from_pretrained(file.path.parent, gguf_file=file.path.name, trust_remote_code=False)


def _check_tokenizer(directory: Path, tokenizer: Any, where: str) -> None:
    """transformers has classes for some kinds of models that cut text by a rule of their own, whatever is saved."""
    from transformers import AutoTokenizer

    loaded = AutoTokenizer.from_pretrained(directory, trust_remote_code=False)
    rules = [json.loads(each.backend_tokenizer.to_str())["pre_tokenizer"] for each in (tokenizer, loaded)]
    if rules[0] != rules[1]:
        raise UserError("transformers cuts text otherwise than it says, for this kind of model", where=where)


def _check_all(file: _File, model: Any, found: Mapping[str, Any]) -> None:
    """Every number of the file must be in the model, and every one of the model's in the file."""
    tied = model.config.get_text_config(decoder=True).tie_word_embeddings
    misshapen = sorted(name for name, *_ in found["mismatched_keys"])
    if misshapen:
        raise UserError(f"its metadata give another shape for {names(misshapen)}", where=file.path)
    lacking = sorted(name for name in found["missing_keys"] if not (tied and name == "lm_head.weight"))
    if lacking:
        raise UserError(
            f"{len(lacking)} of the model's weights are not in it: {', '.join(lacking[:3])}", where=file.path
        )
    held = sum(count for name, (count, _) in file.tensors.items() if name != "rope_freqs.weight")
    taken = sum(weight.numel() for weight in model.parameters())
    if held != taken:
        raise UserError(
            f"transformers puts {taken} of its {held} numbers into a {type(model).__name__}",
            where=file.path,
            fix="set model.path to the Hugging Face directory that it was made from",
        )
