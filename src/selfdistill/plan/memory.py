"""What a run holds in a GPU's memory: the state of training by arithmetic, its activations roughly.

A token in a micro-batch costs, with recomputed activations, its hidden state in float32 for each layer, and the inner
activations of the one layer that is recomputed, twice (with their gradients); without recomputation the inner
activations of every layer. Logits are made for a tile of positions at a time and never held whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from selfdistill.plan.model import ModelSize, Shape

if TYPE_CHECKING:
    from selfdistill.plan.workload import Workload
    from selfdistill.recipe.training import TrainingSettings

Method = Literal["full", "lora", "qlora"]
"""As `TrainingSettings.method`."""
BYTES_IN_4_BITS = 0.5 + 1 / 64 + 4 / (64 * 256)
"""Of one weight under qlora: 4 bits, a byte of scale for 64 weights, 4 bytes for 256 such scales."""
TILE = 1024
"""Positions whose logits exist at a time in training: as float32, with their gradient."""


def memory(training: TrainingSettings, size: ModelSize, gpus: int, work: Workload) -> dict[str, float]:
    """Bytes on each GPU, by what they hold."""
    state = training_state(training.method, size, gpus, bf16=training.precision == "bf16")
    found = {"sampling: weights in bfloat16": 2 * size.parameters, **state}
    if size.shape:
        length = min(work.prompt_tokens + work.completion_tokens, training.max_length)
        rows = training.micro_batch_size
        found[f"training: activations of {rows} x {length:,.0f} tokens, roughly"] = activations(
            size.shape, rows * length, recompute=bool(training.gradient_checkpointing)
        )
    return found


def activations(shape: Shape, tokens: float, *, recompute: bool) -> float:
    """Bytes of one micro-batch's activations in training.

    Args:
        shape: the model's.
        tokens: of the micro-batch, padding included.
        recompute: whether only each layer's input is kept.
    """
    # Of one layer, in 2 bytes a number: 10 as wide as the hidden state (two norms and their inputs, queries, keys,
    # values, attention's output, two residual sums), 4 of the feed-forward block (two inputs, the gate, the product).
    inner = 2 * (10 * shape.hidden + 4 * shape.intermediate)
    kept = shape.layers * 4 * shape.hidden + 2 * inner if recompute else shape.layers * inner
    return tokens * kept + 2 * 4 * min(tokens, TILE) * shape.vocabulary


def training_state(method: Method, size: ModelSize, gpus: int, *, bf16: bool) -> dict[str, float]:
    """Bytes of weights, gradients and optimizer on each GPU, by what they hold; what adapters add is left out."""
    match method:
        case "full":
            what = "training: float32 weights, gradients and Adam's two moments, sharded (FSDP)"
            copies = 2 * size.parameters / gpus if bf16 else 0
            copied = {"training: their bfloat16 copies while computing, sharded": copies} if copies else {}
            return {what: 16 * size.parameters / gpus, **copied}
        case "lora":
            if gpus == 1 and bf16:
                return {"training: bfloat16 weights; adapters are small": 2 * size.parameters}
            return {"training: float32 weights, sharded (FSDP); adapters are small": 4 * size.parameters / gpus}
        case "qlora":
            packed = BYTES_IN_4_BITS * (size.parameters - size.embeddings)
            return {"training: weights in 4 bits, embeddings in float32; not sharded": packed + 4 * size.embeddings}
