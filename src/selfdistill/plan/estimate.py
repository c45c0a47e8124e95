"""From a recipe, a model's size and a GPU's data sheet to tokens, GPU hours, bytes and memory.

Generation is bound by reading weights and cache or by arithmetic, whichever is slower (a roofline); training costs 6
operations a parameter and token, 8 where activations are recomputed. Attention's own arithmetic is left out: under
20,000 tokens it is the smaller part. Everything that is assumed is in `Plan.assumptions`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from selfdistill.plan.gpus import SAMPLING_SHARE, TRAINING_SHARE, Gpu
from selfdistill.plan.model import ModelSize

if TYPE_CHECKING:
    from selfdistill.recipe import Recipe

BYTES_A_TOKEN = 24
"""Of samples.jsonl: id, log-probability and text of one token; measured on the demo run."""
BYTES_A_TARGET = 8
"""Of a stored soft target: int32 id and float32 probability."""


BYTES_IN_4_BITS = 0.5 + 1 / 64 + 4 / (64 * 256)
"""Of one weight under qlora: 4 bits, a byte of scale for 64 weights, 4 bytes for 256 such scales."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage's share."""

    name: str
    tokens: float
    gpu_hours: float


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run would take."""

    stages: tuple[Stage, ...]
    disk: dict[str, float]
    """Bytes by what they hold."""
    memory: dict[str, float]
    """Bytes on each GPU, by what they hold, without activations."""
    assumptions: tuple[str, ...]

    @property
    def gpu_hours(self) -> float:
        """Of all stages."""
        return sum(stage.gpu_hours for stage in self.stages)


@dataclass(frozen=True, slots=True)
class Workload:
    """How much there is to do; what the recipe leaves open is the user's to say."""

    prompts: int
    problems: int
    systems: int
    prompt_tokens: float
    completion_tokens: float
    """The mean; the largest unknown of all."""


def estimate(
    recipe: Recipe, size: ModelSize, gpu: Gpu, gpus: int, work: Workload, measured: float | None = None
) -> Plan:
    """Estimate a run.

    Args:
        recipe: the run's.
        size: the model's.
        gpu: one GPU's data sheet.
        gpus: how many.
        work: how much there is to do.
        measured: tokens/s of one GPU in generation, if known.
    """
    rate = measured or sampling_rate(size, gpu, recipe.engine.batch_size, work)
    samples = work.prompts * recipe.sampling.samples_per_prompt
    sampled = samples * work.completion_tokens
    per_sequence = min(work.prompt_tokens + work.completion_tokens, recipe.training.max_length)
    sequences = recipe.training.steps * recipe.training.batch_size if recipe.training.steps else None
    trained = (sequences or samples * (recipe.training.epochs or 1)) * per_sequence
    evaluated = work.problems * work.systems * recipe.evaluation.samples_per_problem * work.completion_tokens
    operations = (8 if recipe.training.gradient_checkpointing else 6) * size.active
    stages = (
        Stage("sample", sampled, sampled / rate / 3600),
        Stage("train", trained, trained * operations / (gpu.flops * TRAINING_SHARE) / 3600),
        Stage("evaluate", evaluated, evaluated / rate / 3600),
    )
    return Plan(
        stages,
        _disk(recipe, size, sampled + evaluated, sampled),
        _memory(recipe, size, gpus),
        _assumptions(recipe, size, work, rate, measured),
    )


def sampling_rate(size: ModelSize, gpu: Gpu, batch: int, work: Workload) -> float:
    """Tokens/s of one GPU: a step reads all weights and every row's cache, and computes 2 operations a parameter."""
    context = work.prompt_tokens + work.completion_tokens / 2
    room = max(gpu.memory * 0.9 - 2 * size.parameters, 0.1 * gpu.memory)
    rows = max(1.0, min(batch, room / (size.cache_bytes * context)))
    reading = (2 * size.parameters + rows * size.cache_bytes * context) / gpu.bandwidth
    computing = rows * 2 * size.active / gpu.flops
    return SAMPLING_SHARE * rows / max(reading, computing)


def _disk(recipe: Recipe, size: ModelSize, tokens: float, sampled: float) -> dict[str, float]:
    disk = {"samples": tokens * BYTES_A_TOKEN, "student": 2 * size.parameters}
    full = recipe.training.method == "full"
    disk["checkpoints, two while training"] = 2 * 12 * size.parameters if full else 0.02 * size.parameters
    if recipe.training.stores_targets:
        disk["soft targets, at most"] = sampled * BYTES_A_TARGET * (recipe.sampling.decoding.top_k or 1000)
    return disk


def _memory(recipe: Recipe, size: ModelSize, gpus: int) -> dict[str, float]:
    return {"sampling: weights in bfloat16": 2 * size.parameters, **_training_memory(recipe, size, gpus)}


def _training_memory(recipe: Recipe, size: ModelSize, gpus: int) -> dict[str, float]:
    match recipe.training.method:
        case "full":
            what = "training: float32 weights, gradients and Adam's two moments, sharded (FSDP)"
            return {what: 16 * size.parameters / gpus}
        case "lora":
            return {"training: float32 weights, sharded (FSDP); adapters are small": 4 * size.parameters / gpus}
        case "qlora":
            packed = BYTES_IN_4_BITS * (size.parameters - size.embeddings)
            return {"training: weights in 4 bits, embeddings in float32; not sharded": packed + 4 * size.embeddings}


def _assumptions(
    recipe: Recipe, size: ModelSize, work: Workload, rate: float, measured: float | None
) -> tuple[str, ...]:
    generation = "as measured" if measured else f"{SAMPLING_SHARE:.0%} of the roofline; give --tokens-per-second"
    return (
        f"{size.parameters / 1e9:.3g}B parameters, {size.active / 1e9:.3g}B active a token: {size.source}",
        f"{work.completion_tokens:,.0f} tokens a completion on average: measure 100 prompts, give --completion-tokens",
        f"{work.prompt_tokens:,.0f} tokens a prompt; {work.prompts:,} prompts; {work.problems:,} problems",
        f"generation at {rate:,.0f} tokens/s a GPU: {generation}",
        f"training at {TRAINING_SHARE:.0%} of the GPU's peak, "
        f"{8 if recipe.training.gradient_checkpointing else 6} operations a parameter and token",
        "GPU data: the maker's data sheet; grading runs on the CPUs and is not counted",
    )
