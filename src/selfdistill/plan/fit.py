"""Settings that fit a model into a machine, by `memory.py`'s arithmetic: method, micro-batch, lengths, rows.

Full fine-tuning where it fits, else LoRA, else QLoRA; then as many sequences at a time as there is room for. Generation
gets rows for which the key-value cache has room at their full length, so that nothing is ever held that does not fit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from selfdistill.errors import UserError
from selfdistill.plan.machine import Machine
from selfdistill.plan.memory import Method, activations, training_state
from selfdistill.plan.model import ModelSize

USABLE = 0.85
"""Of the memory: the rest is for fragments, the libraries themselves and what the arithmetic leaves out."""
ADAPTERS = 24.0
"""Weights of rank-16 adapters on every linear layer, as a share of the model's: this over its hidden size, at most
(1.8 % of 0.5 billion, 0.5 % of 8 billion). Each takes 16 bytes in training."""
ADAPTERS_AT_MOST = 0.01
"""The share where the hidden size is not known."""
BATCH = 32
"""Sequences an optimizer step: the paper's."""
PROMPT = 1024
"""Tokens that are left for a prompt."""
MOST_ROWS = {"cuda": 512, "cpu": 32, "mps": 64}
LONGEST = 4096
"""Tokens of a completion where the memory allows them: a program with its explanation. Models that think need more."""
SHORTEST = 128
"""Tokens of a completion below which a model is not worth fitting."""


@dataclass(frozen=True, slots=True)
class Fit:
    """What fits."""

    method: Method
    micro_batch_size: int
    max_new_tokens: int
    max_length: int
    """Tokens of a training sequence: a prompt and a completion."""
    rows: int
    """Completions at a time."""
    training_bytes: float
    """What training holds by the arithmetic."""
    sampling_bytes: float
    """Weights, and the cache of all rows at their full length."""


def fit(size: ModelSize, machine: Machine, context: int, longest: int = LONGEST) -> Fit:
    """The largest settings that fit.

    Args:
        size: the model's.
        machine: where it runs.
        context: the model's, in tokens.
        longest: tokens of a completion, at most.

    Raises:
        UserError: nothing does.
    """
    room, on_cpu = USABLE * machine.memory, machine.kind == "cpu"
    for limit in _limits(longest, context):
        length = min(context, limit + PROMPT)
        rows = _rows(size, room, length, machine)
        for method in _methods(size, machine):
            micro = _micro(size, method, room, length, machine)
            if rows and micro:
                training = training_bytes(size, method, micro * length, on_cpu=on_cpu)
                sampling = sampling_bytes(size, rows * length, on_cpu=on_cpu)
                return Fit(method, micro, limit, length, rows, training, sampling)
    training = min(training_bytes(size, method, length, on_cpu=on_cpu) for method in _methods(size, machine))
    needed = max(training, sampling_bytes(size, length, on_cpu=on_cpu)) / USABLE
    raise UserError(
        f"a model of {size.parameters / 1e9:.3g}B parameters does not fit: {machine.name} has "
        f"{machine.memory / 1e9:,.1f} GB, and the least it takes is {needed / 1e9:,.1f} GB",
        where="MODEL",
        fix="take a smaller model, or several GPUs with a recipe of your own (docs/scale.md)",
    )


def training_bytes(size: ModelSize, method: Method, tokens: float, *, on_cpu: bool) -> float:
    """What training holds, on one device.

    Args:
        size: the model's.
        method: see `TrainingSettings.method`.
        tokens: of a micro-batch.
        on_cpu: there all is float32; on a GPU forward and backward are in bfloat16.
    """
    state = sum(training_state(method, size, 1, bf16=not on_cpu).values())
    adapters = 16 * size.parameters * (ADAPTERS / size.shape.hidden if size.shape else ADAPTERS_AT_MOST)
    if method != "full":
        state += adapters
    if size.shape is None:  # as published sizes have none: a generous share of the weights for a token's hidden states
        return state + tokens * size.cache_bytes * 4
    return state + activations(size.shape, tokens, recompute=True) * (2 if on_cpu else 1)


def sampling_bytes(size: ModelSize, tokens: float, *, on_cpu: bool) -> float:
    """Weights and the key-value cache of so many tokens: in bfloat16, on a CPU perhaps in float32."""
    return (2 if on_cpu else 1) * (2 * size.parameters + tokens * size.cache_bytes)


def _limits(longest: int, context: int) -> Iterator[int]:
    """Lengths of completions to try, the longest first."""
    limit = min(longest, max(context - PROMPT, context // 2))
    while limit >= min(SHORTEST, context // 2):
        yield limit
        limit //= 2


def _methods(size: ModelSize, machine: Machine) -> tuple[Method, ...]:
    """In the order of preference. Experts that are held as one parameter cannot be quantized (docs/real-models.md)."""
    mixture = size.active < size.parameters
    return ("full", "lora", "qlora") if machine.quantizes and not mixture else ("full", "lora")


def _rows(size: ModelSize, room: float, length: int, machine: Machine) -> int:
    """Rows for which there is room: a multiple of 8 where there are so many, 0 if there is none for one."""
    on_cpu = machine.kind == "cpu"
    weights = sampling_bytes(size, 0, on_cpu=on_cpu)
    row = sampling_bytes(size, length, on_cpu=on_cpu) - weights
    rows = int(min(MOST_ROWS.get(machine.kind, 32), max(0.0, room - weights) / row))
    return rows // 8 * 8 if rows >= 8 else rows


def _micro(size: ModelSize, method: Method, room: float, length: int, machine: Machine) -> int:
    """The largest divisor of a batch that fits, 0 if none does."""
    on_cpu = machine.kind == "cpu"
    fits = [n for n in (32, 16, 8, 4, 2, 1) if training_bytes(size, method, n * length, on_cpu=on_cpu) <= room]
    return fits[0] if fits else 0
