"""From a recipe, a model's size and a device to tokens, hours, bytes and memory.

Throughputs are measured ones where there are any of the device, the engine or method, and a model of about the size
(`measured.py`). Else generation is bound by reading weights and cache or by arithmetic, whichever is slower (a
roofline), and training costs 6 operations a parameter and token, 8 where activations are recomputed. Attention's own
arithmetic is left out: under 20,000 tokens it is the smaller part. Everything that is assumed is in `Plan.assumptions`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from selfdistill.plan.gpus import ASSUMED_CPU, GPUS, Gpu
from selfdistill.plan.measured import Measured, find
from selfdistill.plan.memory import memory
from selfdistill.plan.model import ModelSize
from selfdistill.plan.workload import Workload
from selfdistill.recipe.prompt_sources import SELF

if TYPE_CHECKING:
    from selfdistill.recipe.engine import EngineSettings
    from selfdistill.recipe.sampling import SamplingSettings
    from selfdistill.recipe.schema import Recipe
    from selfdistill.recipe.training import TrainingSettings

BYTES_A_TOKEN = 24
"""Of samples.jsonl: id, log-probability and text of one token; measured on the demo run."""
BYTES_A_TARGET = 8
"""Of a stored soft target: int32 id and float32 probability."""
TURN = 60
"""Tokens of a user's turn that a model writes: of Qwen2.5-Coder-0.5B's 64, the mean (docs/prompts.md)."""
EXPLAINING = 4
"""Operations a parameter and token of reading a text with base and student."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage's share."""

    name: str
    tokens: float
    gpu_hours: float
    source: str
    """Where its tokens/s are from."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run would take."""

    stages: tuple[Stage, ...]
    disk: dict[str, float]
    """Bytes by what they hold."""
    memory: dict[str, float]
    """Bytes on each GPU, by what they hold; activations roughly, where the model's shape is known."""
    assumptions: tuple[str, ...]

    @property
    def gpu_hours(self) -> float:
        """Of all stages."""
        return sum(stage.gpu_hours for stage in self.stages)


def estimate(
    recipe: Recipe,
    size: ModelSize,
    gpu: Gpu | None,
    gpus: int,
    work: Workload,
    measured: float | None = None,
    known: Sequence[Measured] = (),
    device: str = "",
) -> Plan:
    """Estimate a run.

    Args:
        recipe: the run's.
        size: the model's.
        gpu: one device's data sheet; without one (a CPU) `ASSUMED_CPU` stands in.
        gpus: how many.
        work: how much there is to do.
        measured: tokens/s of one device in generation, if the user knows them.
        known: measured throughputs; the roofline and the share of the peak stand in where none fits.
        device: the device's name in `known`.
    """
    sheet = gpu or ASSUMED_CPU
    rooflines = f"{sheet.sampling_share:.0%} of the roofline{_of_this_cpu(sheet.flops, sheet)}"
    roofline = (sampling_rate(size, sheet, recipe.engine.batch_size, work), rooflines)
    engine = _engine(recipe.engine, on_gpu=gpu in GPUS.values())
    given = (measured, "as measured (--tokens-per-second)") if measured else None
    sampling = given or find(known, device, f"sampling {engine}", size.active) or roofline
    evaluation = given or find(known, device, f"evaluation {engine}", size.active) or roofline
    training = _training_rate(recipe.training, size, sheet, known, device)
    why = f"forward passes, where training is {training[1]}"
    explaining = (training[0] * _operations(recipe.training) / EXPLAINING, why)
    rates = {"train": training, "evaluate": evaluation, "explain": explaining}
    tokens = _tokens(recipe, work)
    stages = tuple(
        Stage(name, count, count / rate / 3600, f"{rate:,.0f} tokens/s: {source}")
        for name, count in tokens.items()
        for rate, source in (rates.get(name, sampling),)
        if count
    )
    sampled = tokens["sample"]
    return Plan(
        stages,
        _disk(recipe.training, recipe.sampling, size, sampled + tokens["evaluate"], sampled),
        memory(recipe.training, size, gpus, work),
        _assumptions(size, work, stages),
    )


def _tokens(recipe: Recipe, work: Workload) -> dict[str, float]:
    """By stage."""
    samples = work.prompts * recipe.sampling.samples_per_prompt
    per_sequence = min(work.prompt_tokens + work.completion_tokens, recipe.training.max_length)
    sequences = recipe.training.steps * recipe.training.batch_size if recipe.training.steps else None
    answers = (work.systems - work.greedy) * recipe.evaluation.samples_per_problem + work.greedy
    explained = min(samples, recipe.analysis.samples) if recipe.engine.base_url is None else 0
    return {
        "prompts": _turns(recipe),
        "sample": samples * work.completion_tokens,
        "train": (sequences or samples * (recipe.training.epochs or 1)) * per_sequence,
        "evaluate": work.problems * answers * work.completion_tokens,
        "explain": explained * per_sequence,
    }


def _turns(recipe: Recipe) -> float:
    """Tokens of the prompts that the model writes itself."""
    sources = (recipe.prompts.source, *(part.source for part in recipe.prompts.mixture))
    written = recipe.prompts.self_written
    return written.count * min(TURN, written.max_new_tokens) if SELF in sources else 0


def _operations(training: TrainingSettings) -> int:
    """For each parameter and token: forward, backward, and forward again where activations are recomputed."""
    return 8 if training.gradient_checkpointing else 6


def _of_this_cpu(flops: float, sheet: Gpu) -> str:
    return f", of {flops / 1e9:,.0f} GFLOP/s that this CPU was just seen to do" if sheet.training_flops else ""


def _engine(engine: EngineSettings, *, on_gpu: bool) -> str:
    """What `auto` means on the device; else the recipe's."""
    return ("vllm" if on_gpu else "transformers") if engine.kind == "auto" else engine.kind


def _training_rate(
    settings: TrainingSettings, size: ModelSize, sheet: Gpu, known: Sequence[Measured], device: str
) -> tuple[float, str]:
    """Measured with the recipe's method and targets, else with the other targets, else a share of the peak."""
    for targets in dict.fromkeys((settings.targets, "hard", "soft")):
        if found := find(known, device, f"training {settings.method} {targets}", size.active):
            other = "" if targets == settings.targets else f", with {targets} targets"
            return found[0], found[1] + other
    flops = sheet.training_flops or sheet.flops
    operations = _operations(settings)
    share = f"{sheet.training_share:.0%} of the device's peak{_of_this_cpu(flops, sheet)}"
    why = f"{share}, {operations} operations a parameter and token"
    return flops * sheet.training_share / (operations * size.active), why


def sampling_rate(size: ModelSize, gpu: Gpu, batch: int, work: Workload) -> float:
    """Tokens/s of one GPU: a step reads all weights and every row's cache, and computes 2 operations a parameter."""
    context = work.prompt_tokens + work.completion_tokens / 2
    room = max(gpu.memory * 0.9 - 2 * size.parameters, 0.1 * gpu.memory)
    rows = max(1.0, min(batch, room / (size.cache_bytes * context)))
    reading = (2 * size.parameters + rows * size.cache_bytes * context) / gpu.bandwidth
    computing = rows * 2 * size.active / gpu.flops
    return gpu.sampling_share * rows / max(reading, computing)


def _disk(
    training: TrainingSettings, sampling: SamplingSettings, size: ModelSize, tokens: float, sampled: float
) -> dict[str, float]:
    disk = {"samples": tokens * BYTES_A_TOKEN, "student": 2 * size.parameters}
    full = training.method == "full"
    disk["checkpoints, two while training"] = 2 * 12 * size.parameters if full else 0.02 * size.parameters
    if training.stores_targets:
        disk["soft targets, at most"] = sampled * BYTES_A_TARGET * (sampling.decoding.top_k or 1000)
    return disk


def _assumptions(size: ModelSize, work: Workload, stages: Sequence[Stage]) -> tuple[str, ...]:
    return (
        f"{size.parameters / 1e9:.3g}B parameters, {size.active / 1e9:.3g}B active a token: {size.source}",
        f"{work.completion_tokens:,.0f} tokens a completion on average: measure 100 prompts, give --completion-tokens",
        f"{work.prompt_tokens:,.0f} tokens a prompt; {work.prompts:,} prompts; {work.problems:,} problems",
        *(f"{stage.name} at {stage.source}" for stage in stages),
        "GPU data: the maker's data sheet; grading runs on the CPUs and is not counted",
    )
