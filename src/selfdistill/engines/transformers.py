"""The in-process engine: a batched KV-cached loop over any `AutoModelForCausalLM`.

Faster than `model.generate` (benchmarks/sampling.py measures both): finished rows leave the batch, the cache is not
copied at every token, and truncation ranks no more of the vocabulary than top-k needs. Every row draws from a stream of
its own. Batches are formed from the requests alone, so a shard always makes the same batches.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from selfdistill.decoding import PythonSyntax, Stages, split_syntax
from selfdistill.decoding.distribution import decode, draw
from selfdistill.engines.base import Completion, Progress, Request
from selfdistill.engines.cache import make_cache
from selfdistill.engines.collect import Collector
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
    tokenizer: Any = None
    """Needed by syntax constraints and stop strings."""

    def generate(
        self,
        requests: Sequence[Request],
        stages: Stages,
        *,
        max_new_tokens: int,
        targets: bool = False,
        progress: Progress | None = None,
    ) -> list[Completion]:
        """See `Engine.generate`. Prompts of similar length share a batch; a shard repeats bit for bit."""
        order = sorted(range(len(requests)), key=lambda row: (len(requests[row].token_ids), row))
        completions: dict[int, Completion] = {}
        for start in range(0, len(order), self.batch_size):
            rows = order[start : start + self.batch_size]
            batch = [requests[row] for row in rows]
            with sdpa_kernel(REPEATABLE):
                results = self._generate_batch(batch, stages, max_new_tokens, targets, progress)
            completions.update(zip(rows, results, strict=True))
        return [completions[row] for row in range(len(requests))]

    def close(self) -> None:
        """The model goes with its last reference."""

    @torch.inference_mode()
    def _generate_batch(
        self, requests: list[Request], stages: Stages, max_new_tokens: int, targets: bool, progress: Progress | None
    ) -> list[Completion]:
        device = self.model.device
        limits = np.array([min(max_new_tokens, self.context - len(request.token_ids)) for request in requests])
        collector = Collector(len(requests), keep_targets=targets)
        batch = _Batch.of(requests, self.model, device)
        syntax, on_logits = split_syntax(stages)
        masks = self._masks(syntax, requests, batch.logits.shape[-1]) if syntax else None
        end_of_turn = torch.tensor(self.end_of_turn, device=device)
        tails = Tails(StopStrings(self.tokenizer, requests[0].stop), requests) if requests[0].stop else None
        active = len(requests)
        for step in range(int(limits.max())):
            logits = masks.apply(batch.logits, batch.rows) if masks else batch.logits
            ranked = decode(logits, on_logits)
            uniforms = torch.from_numpy(batch.uniforms.next()).to(device)
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
    """The rows still being decoded: their cache, attention mask, positions and random streams."""

    def __init__(self, model: Any, rows: np.ndarray, uniforms: UniformRows, mask: Tensor | None) -> None:
        self._model = model
        self._cache = make_cache(model.config)
        self._mask = mask
        self._positions = torch.empty(0)
        self._last_only = "logits_to_keep" in inspect.signature(model.forward).parameters
        self.rows = rows
        """Indices into the requests, (active,)."""
        self.uniforms = uniforms
        self.logits = torch.empty(0)
        """(active, vocabulary) for the next token."""

    @classmethod
    def of(cls, requests: list[Request], model: Any, device: torch.device) -> _Batch:
        """Pad on the left, run the prompts through the model."""
        lengths = torch.tensor([len(request.token_ids) for request in requests])
        width = int(lengths.max())
        ids = torch.zeros((len(requests), width), dtype=torch.long)
        for row, request in enumerate(requests):
            ids[row, width - len(request.token_ids) :] = torch.tensor(request.token_ids)
        # Without padding no mask is needed, and attention is faster without one.
        padded = bool((lengths < width).any())
        mask = (torch.arange(width) >= (width - lengths).unsqueeze(1)).long().to(device) if padded else None
        uniforms = UniformRows([generator(*_stream(request)) for request in requests])
        batch = cls(model, np.arange(len(requests)), uniforms, mask)
        positions = (torch.arange(width) - (width - lengths).unsqueeze(1)).clamp(min=0).to(device)
        batch._run(ids.to(device), positions)
        return batch

    def forward(self, tokens: Tensor) -> None:
        """Feed one token a row."""
        if self._mask is not None:
            self._mask = torch.cat([self._mask, self._mask.new_ones((len(self.rows), 1))], dim=1)
        self._run(tokens.unsqueeze(1), self._positions[:, -1:] + 1)

    def keep(self, indices: np.ndarray, tokens: Tensor) -> Tensor:
        """Drop all rows but these; returns the kept rows' tokens."""
        chosen = torch.from_numpy(indices).to(tokens.device)
        self._cache.batch_select_indices(chosen)
        self._mask = None if self._mask is None else self._mask[chosen]
        self._positions = self._positions[chosen]
        self.rows = self.rows[indices]
        self.uniforms.keep(indices)
        return tokens[chosen]

    def _run(self, token_ids: Tensor, positions: Tensor) -> None:
        self._positions = positions
        output = self._model(
            input_ids=token_ids,
            attention_mask=self._mask,
            position_ids=positions,
            past_key_values=self._cache,
            use_cache=True,
            **({"logits_to_keep": 1} if self._last_only else {}),
        )
        self.logits = output.logits[:, -1]


def _stream(request: Request) -> tuple[int, *tuple[str | int, ...]]:
    seed, *key = request.stream
    return (int(seed), *key)
