"""Loading a causal language model: the embedded one, a local directory, or a hub id.

The one place that does it, so that a fault in a directory is always the same clear line, and weights that are not the
checkpoint's are never used (`weights.py`). A model's own code is never run, nor asked about; pickled weights are never
read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from selfdistill.models.devices import resolve_device, resolve_dtype
from selfdistill.models.faults import cannot_load
from selfdistill.models.paths import resolve_path
from selfdistill.models.weights import check_finite, check_read, loading_report
from selfdistill.processes import local_rank

if TYPE_CHECKING:
    from selfdistill.recipe.model import ModelSettings


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
        raise cannot_load("model", where, error) from error


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
            raise cannot_load("model", source, error, unconverted) from error
    if local_rank() == 0:  # where weights are sharded, the others may not have read them
        check_read(model, found, source)
        check_finite(model.named_parameters(), source, fix="fetch the checkpoint again, or set model.dtype: float32")
    return model


def _auto_class(whole: bool) -> Any:
    import transformers

    return transformers.AutoModelForImageTextToText if whole else transformers.AutoModelForCausalLM
