"""Loading a causal language model and its tokenizer: the embedded one, a local directory, or a hub id.

The one place that does it, so that a fault in a directory is always the same clear line, and weights that are not the
checkpoint's are never used (`weights.py`). A model's own code is never run, nor asked about; pickled weights are never
read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selfdistill.embedded.directory import model_dir
from selfdistill.errors import UserError
from selfdistill.events import warn
from selfdistill.models.gguf.read import dequantised, named_file
from selfdistill.models.weights import OTHER_FILES, check_finite, check_read, damaged_files, loading_report, names
from selfdistill.processes import local_rank

if TYPE_CHECKING:
    import torch

    from selfdistill.recipe.model import ModelSettings

TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt")
"""Files of which a tokenizer has one."""


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


def resolve_device(device: str) -> torch.device:
    """`auto` is a GPU if there is one; of a kind on which nothing was ever run, the user is told so.

    Raises:
        UserError: the device does not exist here.
    """
    resolved = _existing(device)
    if resolved.type not in ("cpu", "cuda"):
        warn(f"this package was never run on {resolved.type}: hold a small run against model.device: cpu first")
    return resolved


def _existing(device: str) -> torch.device:
    import torch

    if device == "auto":
        accelerator = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
        return accelerator or torch.device("cpu")
    try:
        resolved = torch.device(device)
        if resolved.type == "cuda" and (resolved.index or 0) < torch.cuda.device_count():
            return resolved  # a tensor would take hundreds of MB of it, for as long as this process runs
        torch.empty(0, device=resolved)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(
            f"device {device} cannot be used: {reason}", where="model.device", fix="set it to auto"
        ) from None
    return resolved


def resolve_dtype(dtype: str, device: torch.device) -> torch.dtype | str:
    """`auto` is the checkpoint's on a GPU and float32 on a CPU; what runs do on a CPU is in `precision.py`."""
    import torch

    if dtype == "auto":
        return torch.float32 if device.type == "cpu" else "auto"
    return {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}[dtype]


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
        local = Path(resolved)
        if local.is_dir() and not any((local / name).is_file() for name in TOKENIZERS):
            raise UserError(
                f"has no tokenizer: none of {', '.join(TOKENIZERS)} is there",
                where=path,
                fix="fetch the whole model, or put the files of its tokenizer beside it",
            ) from error
        raise _cannot_load(
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


def load_config(path: str, revision: str | None = None) -> Any:
    """The model's configuration.

    Raises:
        UserError: the model cannot be found, its configuration is damaged, or it is no causal language model.
    """
    from transformers import AutoConfig

    try:
        config = AutoConfig.from_pretrained(resolve_path(path), revision=revision, trust_remote_code=False)
    except UserError:
        raise
    except Exception as error:  # a configuration may be wrong in many ways
        fix = "check the name and the network; some models ask for their licence and for hf auth login first"
        if is_local(path):
            fix = "check config.json, and whether the installed transformers knows this kind of model"
        raise _cannot_load("model's configuration", path, error, fix=fix) from error
    _require_causal(config, path)
    return config


def _require_causal(config: Any, path: str) -> None:
    """Refuse encoders: transformers loads BERT and its kin as language models that see what they should predict."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES as CAUSAL
    from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING_NAMES as MASKED

    kind = config.model_type
    if kind in CAUSAL and kind in MASKED and not getattr(config, "is_decoder", False):
        raise UserError(
            f"cannot load the model: {kind} reads texts in both directions, which is no causal language model",
            where=path,
            fix="choose a model that continues texts",
        )


def empty_model(config: Any, where: str, *, whole: bool = False) -> Any:
    """A model of this configuration without weights, on the device `meta`.

    Args:
        config: of a checkpoint.
        where: its path.
        whole: with what a multimodal checkpoint has beside its language model.

    Raises:
        UserError: there is no causal language model of this kind.
    """
    import torch

    try:
        with torch.device("meta"):
            return _auto_class(whole).from_config(config, trust_remote_code=False)
    except Exception as error:  # whatever a model's constructor raises for a wrong configuration
        raise _cannot_load("model", where, error) from error


def load_model(
    settings: ModelSettings, path: str | None = None, *, quantization: Mapping[str, Any] | None = None
) -> Any:
    """The model, in evaluation mode, on its device.

    Args:
        settings: dtype, device, attention; the path unless another one is given.
        path: e.g. the student's directory.
        quantization: transformers' arguments for it, which also place the model.

    Raises:
        UserError: it cannot be found or read, or its weights are not all there, or are no numbers.
    """
    device = resolve_device(settings.device)
    source, revision = path or settings.path, None if path else settings.revision
    model = _read(
        source,
        revision,
        dtype=resolve_dtype(settings.dtype, device),
        attn_implementation=settings.attention,
        **(quantization or {}),
    )
    return (model if quantization else model.to(device)).eval()


def load_whole_model(settings: ModelSettings) -> Any:
    """A multimodal checkpoint with all that it has beside its language model, in float32 on the CPU.

    Raises:
        UserError: as `load_model`.
    """
    return _read(settings.path, settings.revision, whole=True, dtype="float32").eval()


def _read(source: str, revision: str | None, *, whole: bool = False, **arguments: Any) -> Any:
    """Read a checkpoint with transformers, and make sure that its weights are all there."""
    from transformers.utils import logging

    logging.disable_progress_bar()  # the run shows its own progress
    resolved = resolve_path(source)
    with loading_report() as unconverted:
        try:
            model, found = _auto_class(whole).from_pretrained(
                resolved,
                revision=revision,
                use_safetensors=True,
                trust_remote_code=False,
                output_loading_info=True,
                ignore_mismatched_sizes=True,  # `check_read` refuses them, by name
                **arguments,
            )
        except Exception as error:  # transformers and what it stands on have many kinds for a damaged checkpoint
            raise _cannot_load("model", source, error, unconverted) from error
    if local_rank() == 0:  # where weights are sharded, the others may not have read them
        check_read(model, found, source)
        check_finite(model.named_parameters(), source, fix="fetch the checkpoint again, or set model.dtype: float32")
    return model


def _auto_class(whole: bool) -> Any:
    import transformers

    return transformers.AutoModelForImageTextToText if whole else transformers.AutoModelForCausalLM


def context_length(config: Any) -> int:
    """Positions that the model was made for; a text model without a stated limit gets a very large one."""
    text = config.get_text_config(decoder=True)
    names = ("max_position_embeddings", "max_seq_len", "max_target_positions")  # the others are MPT's and Whisper's
    return next((int(limit) for name in names if (limit := getattr(text, name, None))), 2**31 - 1)


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
            raise _cannot_load("generation configuration", path, error) from error
        return GenerationConfig.from_model_config(load_config(path, revision))


def _cannot_load(
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
