"""The training step written out in plain PyTorch, one sequence at a time: what TRL's trainer is compared with.

Uses nothing of the package. A sequence is read alone, so there is no padding; its loss is a sum over its completion's
tokens, position by position; every optimizer step divides by the tokens of its whole batch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

Targets = dict[int, float]
"""Probability by token id, at one position."""


@dataclass(frozen=True)
class Example:
    """A prompt, its completion, and where targets are soft those of each completion token."""

    prompt: tuple[int, ...]
    completion: tuple[int, ...]
    soft: tuple[Targets, ...] | None = None

    def targets(self, position: int) -> Targets:
        """Of a completion's token."""
        return self.soft[position] if self.soft else {self.completion[position]: 1.0}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the recipe says."""

    steps: int
    learning_rate: float
    min_learning_rate: float
    warmup_steps: int
    weight_decay: float
    betas: tuple[float, float]
    max_grad_norm: float
    max_length: int
    bfloat16: bool = False


@dataclass
class Log:
    """What a step saw."""

    losses: list[float] = field(default_factory=list)
    learning_rates: list[float] = field(default_factory=list)
    gradient_norms: list[float] = field(default_factory=list)


def schedule(step: int, settings: Settings) -> float:
    """The rate of step 0, 1, ...: a line from 0 to the peak, then half a cosine down to the floor."""
    peak, floor, warmup = settings.learning_rate, settings.min_learning_rate, settings.warmup_steps
    if step < warmup:
        return peak * step / warmup
    done = (step - warmup) / (settings.steps - warmup)
    return floor + (peak - floor) * (1 + math.cos(math.pi * done)) / 2


def loss_sum(forward: Callable[[Tensor], Tensor], sequence: Example, max_length: int) -> tuple[Tensor, int]:
    """Summed cross-entropy of one sequence, and over how many tokens."""
    ids = [*sequence.prompt, *sequence.completion][:max_length]
    logprobs = forward(torch.tensor([ids]))[0].float().log_softmax(-1)
    total, count = 0 * logprobs.sum(), 0
    for position in range(len(sequence.completion)):
        at = len(sequence.prompt) + position
        if at >= max_length:
            break
        for token, probability in sequence.targets(position).items():
            total = (
                total - probability * logprobs[at - 1, token]
            )  # what is read up to at - 1 speaks of the token at `at`
        count += 1
    return total, count


def train(
    forward: Callable[[Tensor], Tensor],
    parameters: Sequence[nn.Parameter],
    batches: Sequence[Sequence[Example]],
    settings: Settings,
) -> Log:
    """Train in place.

    Args:
        forward: token ids (1, L) to logits (1, L, V).
        parameters: what is trained.
        batches: the sequences of each optimizer step.
        settings: the recipe's.
    """
    optimizer = torch.optim.AdamW(
        [
            {"params": [p for p in parameters if p.dim() > 1], "weight_decay": settings.weight_decay},
            {"params": [p for p in parameters if p.dim() == 1], "weight_decay": 0.0},  # biases and norms
        ],
        betas=settings.betas,
    )
    log = Log()
    for step, batch in enumerate(batches):
        for group in optimizer.param_groups:
            group["lr"] = schedule(step, settings)
        with torch.autocast("cpu", torch.bfloat16) if settings.bfloat16 else nullcontext():
            parts = [loss_sum(forward, sequence, settings.max_length) for sequence in batch]
        tokens = max(1, sum(count for _, count in parts))
        loss = torch.stack([total for total, _ in parts]).sum() / tokens
        optimizer.zero_grad()
        loss.backward()
        norm = torch.sqrt(sum((p.grad.double() ** 2).sum() for p in parameters))
        for p in parameters:
            p.grad *= min(1.0, settings.max_grad_norm / (float(norm) + 1e-6))
        optimizer.step()
        log.losses.append(float(loss.detach()))
        log.learning_rates.append(optimizer.param_groups[0]["lr"])
        log.gradient_norms.append(float(norm))
    return log
