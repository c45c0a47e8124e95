"""The in-process engine: a batched loop over any `AutoModelForCausalLM`, with a cache where the model has one.

Faster than `model.generate` (benchmarks/real.py measures both): finished rows leave the batch, the cache is not
copied at every token, and truncation ranks no more of the vocabulary than top-k needs. Every row draws from a stream of
its own. Batches are formed from the requests alone, so a shard always makes the same batches. What the model runs on
at each step is in `steps.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from selfdistill.decoding import PythonSyntax, Stages, split_syntax
from selfdistill.decoding.distribution import decode, draw
from selfdistill.engines.base import Completion, Progress, Request
from selfdistill.engines.collect import Collector
from selfdistill.engines.steps import Mode, Steps, start
from selfdistill.engines.stops import StopStrings, Tails
from selfdistill.errors import MissingExtraError
from selfdistill.seeds import UniformRows, generator

if TYPE_CHECKING:
    from selfdistill.decoding.syntax.masks import SyntaxMasks

REPEATABLE = [SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]
"""Torch's attention kernels whose forward pass repeats bit for bit; cuDNN's, which it may prefer on a GPU, need not."""
COMPACT_SHARE = 8  # rows leave once an eighth of the batch has finished: copying the cache costs about one step


@dataclass(frozen=True)
class TransformersEngine:
    """A model in this process. `context` as in `Engine`."""

    model: Any
    end_of_turn: tuple[int, ...]
    context: int
    batch_size: int
    mode: Mode = Mode.PADDED
    """How rows share a batch: what `probe.choose_mode` found."""
    tokenizer: Any = None
    """Needed by syntax constraints and stop strings."""

    def generate(
        self,
        requests: Sequence[Request],
        *,
        max_new_tokens: int,
        targets: bool = False,
        progress: Progress | None = None,
    ) -> list[Completion]:
        """See `Engine.generate`. Prompts of similar length share a batch; a shard repeats bit for bit."""
        completions: dict[int, Completion] = {}
        for rows in self._batches(requests):
            batch = [requests[row] for row in rows]
            with sdpa_kernel(REPEATABLE):
                results = self._generate_batch(batch, batch[0].stages, max_new_tokens, targets, progress)
            completions.update(zip(rows, results, strict=True))
        return [completions[row] for row in range(len(requests))]

    def _batches(self, requests: Sequence[Request]) -> Iterator[list[int]]:
        """Indices of requests, those of similar length together, of equal length where the mode wants it."""
        lengths = [len(request.token_ids) for request in requests]
        order = sorted(range(len(requests)), key=lambda row: (lengths[row], row))
        by_stages: dict[Stages, list[int]] = {}
        for row in order:
            by_stages.setdefault(requests[row].stages, []).append(row)
        groups = list(by_stages.values())
        if not self.mode.any_length:
            groups = [list(same) for group in groups for _, same in groupby(group, lengths.__getitem__)]
        size = 1 if self.mode is Mode.SINGLE else self.batch_size
        for group in groups:
            for first in range(0, len(group), size):
                yield group[first : first + size]

    def close(self) -> None:
        """The model goes with its last reference."""

    @torch.inference_mode()
    def _generate_batch(
        self, requests: list[Request], stages: Stages, max_new_tokens: int, targets: bool, progress: Progress | None
    ) -> list[Completion]:
        device = self.model.device
        limits = np.array([min(max_new_tokens, self.context - len(request.token_ids)) for request in requests])
        collector = Collector(len(requests), keep_targets=targets)
        prompts = [request.token_ids for request in requests]
        batch = _Batch(requests, start(self.mode, self.model, prompts, self.context))
        syntax, on_logits = split_syntax(stages)
        masks = self._masks(syntax, requests, batch.logits.shape[-1]) if syntax else None
        end_of_turn = torch.tensor(self.end_of_turn, device=device)
        tails = Tails(StopStrings(self.tokenizer, requests[0].stop), requests) if requests[0].stop else None
        active = len(requests)
        for step in range(int(limits.max())):
            logits = masks.apply(batch.logits, batch.rows) if masks else batch.logits
            ranked = decode(logits, on_logits)
            uniforms = torch.from_numpy(batch.uniforms.next())  # `draw` puts them where it draws
            tokens, logprobs = draw(ranked, uniforms)
            if masks:
                masks.advance(batch.rows, tokens)
            stopped = torch.isin(tokens, end_of_turn).cpu().numpy()
            completed = tails.add(batch.rows, tokens.cpu().numpy()) if tails else None
            at_limit = step + 1 >= limits[batch.rows]
            alive = collector.add(batch.rows, tokens, logprobs, ranked, stopped, at_limit, completed)
            if progress:
                progress(active - int(alive.sum()), active, collector.cut_off)
            active = int(alive.sum())
            if not active:
                break
            if (len(alive) - active) * COMPACT_SHARE >= len(alive):
                tokens = batch.keep(np.flatnonzero(alive), tokens)
            batch.forward(tokens)
        return collector.completions()

    def _masks(self, rule: PythonSyntax, requests: list[Request], vocabulary: int) -> SyntaxMasks:
        try:
            from selfdistill.decoding.syntax.masks import SyntaxMasks
        except ModuleNotFoundError as error:
            raise MissingExtraError("rule python-syntax", extra="syntax") from error
        prompts = [request.token_ids for request in requests]
        return SyntaxMasks(rule, prompts, self.tokenizer, self.end_of_turn, vocabulary)


class _Batch:
    """The rows still being decoded, and their random streams."""

    def __init__(self, requests: list[Request], steps: Steps) -> None:
        self._steps = steps
        self.rows = np.arange(len(requests))
        """Indices into the requests, (active,)."""
        self.uniforms = UniformRows([generator(*_stream(request)) for request in requests])

    @property
    def logits(self) -> Tensor:
        """(active, vocabulary) for the next token."""
        return self._steps.logits

    def forward(self, tokens: Tensor) -> None:
        """Feed one token a row."""
        self._steps.forward(tokens)

    def keep(self, indices: np.ndarray, tokens: Tensor) -> Tensor:
        """Drop all rows but these, where the model allows it; returns the tokens of the rows that are left."""
        chosen = torch.from_numpy(indices).to(tokens.device)
        if not self._steps.keep(chosen):
            return tokens
        self.rows = self.rows[indices]
        self.uniforms.keep(indices)
        return tokens[chosen]


def _stream(request: Request) -> tuple[int, *tuple[str | int, ...]]:
    seed, *key = request.stream
    return (int(seed), *key)
