"""Are these the checkpoint's weights? Every weight was read, has its shape and is a number, and nothing was misread.

transformers fills what a checkpoint lacks with random numbers, and leaves out what it has no place for; either way a
model loads. Here each of the two is an error that names the tensors. What may be left out is a part that a causal
language model does not have, such as a vision tower: that is a warning.
"""

from __future__ import annotations

import json
import logging
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selfdistill.errors import UserError
from selfdistill.events import warn

if TYPE_CHECKING:
    import torch

NAMED = 3
"""Tensors that a message names; the others are counted."""
OTHER_FILES = "fetch the checkpoint again, and check that config.json belongs to it"
"""What to do where weights and configuration do not fit."""
_CONSTANT = re.compile(
    r"(^|\.)(inv_freq|original_inv_freq|masked_bias|causal_mask|position_ids|(attn|attention)\.bias)$"
)
"""Buffers that older checkpoints hold: tables that follow from the configuration."""
_REPORT = logging.getLogger("transformers.modeling_utils")
_UNCONVERTED = re.compile(r"^(\S+) +\| CONVERSION", re.MULTILINE)
"""A row of transformers' load report: a weight that could not be put together from the checkpoint's tensors."""


@contextmanager
def loading_report() -> Iterator[list[str]]:
    """Keep transformers' report of a load off the screen, and yield the weights that it could not put together."""
    unconverted: list[str] = []
    level, wanted = _REPORT.level, _REPORT.getEffectiveLevel()

    def keep(record: logging.LogRecord) -> bool:
        message = record.getMessage()
        unconverted.extend(_UNCONVERTED.findall(message))
        ours = "LOAD REPORT" in message or "checkpoint seem corrupted" in message
        return record.levelno >= wanted and not ours

    _REPORT.addFilter(keep)
    # Training turns warnings off, and the report is one. Just below: a level of its own makes transformers say more.
    _REPORT.setLevel(min(wanted, logging.WARNING - 1))
    try:
        yield unconverted
    finally:
        _REPORT.setLevel(level)
        _REPORT.removeFilter(keep)


def check_read(model: Any, found: Mapping[str, Any], where: str) -> None:
    """Make sure that the model's weights are the checkpoint's, all of them.

    Args:
        model: as transformers loaded it, with mismatched sizes ignored.
        found: its loading information: `missing_keys`, `unexpected_keys`, and `mismatched_keys` with both shapes.
        where: the model's path.

    Raises:
        UserError: weights are missing or misshapen, or tensors that belong to the model have no place in it.
    """
    unexpected = sorted(name for name in found["unexpected_keys"] if not _CONSTANT.search(name))
    missing = sorted(name for name in found["missing_keys"] if not _CONSTANT.search(name))
    if missing:
        others = f"; it has {names(unexpected)}" if unexpected else ""
        prefix = _prefix(missing, unexpected)
        raise UserError(
            f"{len(missing)} of the model's weights are not in the checkpoint: {names(missing)}{others}",
            where=where,
            fix=f"save the tensors without {prefix} before their names" if prefix else OTHER_FILES,
        )
    misshapen = sorted(found["mismatched_keys"])
    if misshapen:
        listed = [f"{name} is {_shape(there)}, must be {_shape(wanted)}" for name, there, wanted in misshapen]
        raise UserError(
            f"{len(misshapen)} of the checkpoint's weights have another shape than config.json says: {names(listed)}",
            where=where,
            fix=OTHER_FILES,
        )
    misread = [name for name in unexpected if _belongs(name, model)]
    if misread:
        raise UserError(
            f"{len(misread)} of the checkpoint's tensors have no place in {type(model).__name__}: {names(misread)}",
            where=where,
            fix=OTHER_FILES,
        )
    if unexpected:
        warn(
            f"{where}: {type(model).__name__} leaves {len(unexpected)} of the checkpoint's tensors out: "
            f"{names(_parts(unexpected))}"
        )


def check_finite(named_weights: Iterable[tuple[str, torch.Tensor]], where: str, *, fix: str) -> None:
    """Make sure that every weight is a number.

    Args:
        named_weights: e.g. `model.named_parameters()`; integers and 8-bit floats are passed over.
        where: the model's path.
        fix: what to do about it.

    Raises:
        UserError: some are nan or infinite; names the tensors.
    """
    import torch

    floating = [
        (name, weight.detach()) for name, weight in named_weights if weight.is_floating_point() and weight.itemsize > 1
    ]
    # Smallest and largest number are nan where any is, and take no memory of the tensor's size.
    ends = [(name, torch.stack(torch.aminmax(weight))) for name, weight in floating if weight.numel()]
    broken = [name for name, both in ends if not both.isfinite().all()]
    if broken:
        raise UserError(
            f"{len(broken)} of the model's weights hold nan or infinity: {names(broken)}", where=where, fix=fix
        )


def damaged_files(directory: Path) -> list[str]:
    """The directory's safetensors and JSON files that cannot be read as such; none where there is no directory."""
    from safetensors import safe_open

    damaged = []
    for path in sorted(directory.glob("*")):
        try:
            if path.suffix == ".safetensors":
                with safe_open(path, framework="pt"):
                    pass
            elif path.suffix == ".json":
                json.loads(path.read_bytes())
        except Exception:  # safetensors has an error of its own that is none of Python's
            damaged.append(path.name)
    return damaged


def names(tensors: list[str]) -> str:
    """The first few, and how many more there are."""
    more = f" and {len(tensors) - NAMED} more" if len(tensors) > NAMED else ""
    return ", ".join(tensors[:NAMED]) + more


def _shape(size: Iterable[int]) -> str:
    return "x".join(map(str, size))


def _prefix(missing: list[str], unexpected: list[str]) -> str | None:
    """What the checkpoint has before the name of every missing weight, if that is all that is wrong."""
    first = next((name for name in unexpected if name.endswith(f".{missing[-1]}")), None)
    if first is None:
        return None
    prefix = first.removesuffix(missing[-1])
    tied = {name for name in missing if prefix + name not in unexpected}
    return prefix if len(tied) <= 1 else None


def _belongs(name: str, model: Any) -> bool:
    """Whether a tensor without a place is part of what the model does have: of a layer, or one layer more.

    Further layers that predict several tokens at once are announced in the configuration; no causal language model of
    transformers has them.
    """
    from torch.nn import Module, ModuleList

    parts = name.split(".")
    if not hasattr(model, parts[0]):
        parts = [model.base_model_prefix, *parts]
    module: Any = model
    in_layer = False
    for part in parts[:-1]:
        listed = isinstance(module, ModuleList)
        inner = getattr(module, part, None)
        if not isinstance(inner, Module):
            further = listed and part.isdecimal()
            return int(part) >= len(module) + _predicting_layers(model.config) if further else in_layer
        in_layer = in_layer or listed
        module = inner
    return in_layer or not list(module.children())


def _predicting_layers(config: Any) -> int:
    text = config.get_text_config(decoder=True)
    counts = (getattr(text, name, None) for name in ("num_nextn_predict_layers", "num_mtp_layers"))
    return next((int(count) for count in counts if count), 0)


def _parts(tensors: list[str]) -> list[str]:
    """The parts of a model that these tensors make up, with how many each has."""
    outer = (takewhile(lambda part: not part.isdecimal(), name.split(".")[:-1]) for name in tensors)
    counts = Counter(".".join(list(parts)[:2]) or name for parts, name in zip(outer, tensors, strict=True))
    return [f"{part} ({count})" for part, count in sorted(counts.items())]
