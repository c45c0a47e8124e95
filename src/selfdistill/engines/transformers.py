"""The in-process engine: a batched loop over any `AutoModelForCausalLM`, with a cache where the model has one.

Faster than `model.generate` (benchmarks/real.py measures both): a finished row's place goes to the next prompt, or the
row leaves; the cache is not copied at every token; truncation ranks no more of the vocabulary than top-k needs. Every
row draws from a stream of its own, and has its own decoding. Who shares a batch with whom follows from the requests
alone, so a shard repeats bit for bit. What the model runs on at each step is in `steps.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from selfdistill.engines.base import Completion, Progress, Request
from selfdistill.engines.collect import Collector
from selfdistill.engines.drawing import Drawing
from selfdistill.engines.graphs import Graphs
from selfdistill.engines.probe import choose_mode, probe_ids
from selfdistill.engines.slots import Prompt
from selfdistill.engines.steps import Mode, start
from selfdistill.engines.stops import StopStrings, Tails
from selfdistill.events import warn
from selfdistill.models.configs import context_length
from selfdistill.models.endings import end_of_turn_ids
from selfdistill.models.load import load_model
from selfdistill.models.tokenizers import read_tokenizer
from selfdistill.seeds import UniformRows, generator

if TYPE_CHECKING:
    from selfdistill.recipe.engine import EngineSettings
    from selfdistill.recipe.model import ModelSettings

REPEATABLE = [SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]
"""Torch's attention kernels whose forward pass repeats bit for bit; cuDNN's, which it may prefer on a GPU, need not."""
COMPACT_SHARE = 8  # rows leave once an eighth of the batch has finished: copying the cache costs about one step
REFILL_SHARE = 32  # rows are refilled once a 32nd has finished: reading few prompts at once is slow, waiting is waste


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
    cuda_graphs: bool = False
    """Whether steps are recorded and replayed."""

    @property
    def plain_model(self) -> Any:
        """See `HoldsModel`."""
        return self.model

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
            batch = _Batch(self, [requests[row] for row in rows], max_new_tokens, targets)
            with sdpa_kernel(REPEATABLE):
                completions.update(zip(rows, batch.run(progress), strict=True))
        return [completions[row] for row in range(len(requests))]

    def _batches(self, requests: Sequence[Request]) -> Iterator[list[int]]:
        """Indices of requests, by length; of equal length where the mode wants it. All in one where rows are refilled.

        Those with the same prompt are next to each other, so that it is read once and not kept for long.

        Every decoding finds its rows in the same order, so whether it shares a batch with another changes little.
        """
        lengths = [len(request.token_ids) for request in requests]
        firsts: dict[Prompt, int] = {}
        same = [firsts.setdefault(request.token_ids, row) for row, request in enumerate(requests)]
        order = sorted(range(len(requests)), key=lambda row: (lengths[row], same[row], row))
        groups = [order] if self.mode.any_length else [list(rows) for _, rows in groupby(order, lengths.__getitem__)]
        size = 1 if self.mode is Mode.SINGLE else len(order) if self.mode.refills else self.batch_size
        for group in groups:
            for first in range(0, len(group), size):
                yield group[first : first + size]

    def close(self) -> None:
        """The model goes with its last reference."""


class _Batch:
    """Rows that share forward passes: as many requests at a time as the engine has room for, until all are done."""

    def __init__(self, engine: TransformersEngine, requests: list[Request], max_new_tokens: int, targets: bool) -> None:
        self._engine = engine
        self._requests = requests
        self._waiting = iter(range(len(requests)))
        self._to_begin = Counter(request.token_ids for request in requests)
        self._limits = np.array([min(max_new_tokens, engine.context - len(r.token_ids)) for r in requests])
        self._drawn = np.zeros(len(requests), dtype=np.int64)
        self._collector = Collector(len(requests), keep_targets=targets)
        self._end_of_turn = np.array(engine.end_of_turn)
        stop = requests[0].stop
        self._tails = Tails(StopStrings(engine.tokenizer, stop), requests) if stop else None

    @torch.inference_mode()
    def run(self, progress: Progress | None) -> list[Completion]:
        """Every request's completion, in order."""
        engine, requests = self._engine, self._requests
        rows = np.array(list(islice(self._waiting, engine.batch_size)))
        """The request in each place, (places,); some have ended and wait to leave."""
        prompts = [self._begin(row) for row in rows]
        graphs = Graphs() if engine.cuda_graphs else None
        steps = start(engine.mode, engine.model, prompts, engine.context, self._comes_again, graphs)
        uniforms = UniformRows([_stream(requests[row]) for row in rows])
        drawing = Drawing(requests, engine.tokenizer, engine.end_of_turn, ranked=self._collector.keep_targets)
        active = len(rows)
        while True:
            tokens = self._draw(drawing, steps.logits, rows, uniforms.next())
            alive = self._collector.alive(rows)
            if progress:
                progress(active - int(alive.sum()), active, self._collector.cut_off)
            new = self._refill(rows, alive, uniforms)
            active = int(alive.sum()) + len(new)
            if not active:
                return self._collector.completions()
            if new:
                steps.forward(tokens, new)
                continue
            if (len(alive) - active) * COMPACT_SHARE >= len(alive):
                kept = np.flatnonzero(alive)
                chosen = torch.from_numpy(kept).to(tokens.device)
                if steps.keep(chosen):
                    rows, tokens = rows[kept], tokens[chosen]
                    uniforms.keep(kept)
            steps.forward(tokens)

    def _draw(self, drawing: Drawing, logits: Tensor, rows: np.ndarray, uniforms: np.ndarray) -> Tensor:
        """One token a place (places,), on the model's device; what it means for its request is recorded."""
        tokens = torch.empty(len(rows), dtype=torch.long, device=logits.device)
        self._drawn[rows] += 1
        self._collector.begin_step()
        for places, drawn in drawing.draw(logits, rows, uniforms):
            tokens[torch.from_numpy(places).to(tokens.device)] = drawn.tokens
            ids = drawn.tokens.cpu().numpy()
            chosen = rows[places]
            self._collector.add(
                chosen,
                ids,
                drawn.logprobs.cpu().numpy(),
                drawn.ranked,
                np.isin(ids, self._end_of_turn),
                self._drawn[chosen] >= self._limits[chosen],
                self._tails.add(chosen, ids) if self._tails else None,
            )
        return tokens

    def _refill(self, rows: np.ndarray, alive: np.ndarray, uniforms: UniformRows) -> dict[int, Prompt]:
        """Give places of rows that have ended to waiting requests, once enough are free; prompts by place."""
        free = np.flatnonzero(~alive)
        if not self._engine.mode.refills or len(free) * REFILL_SHARE < len(rows):
            return {}
        new = {}
        for place, row in zip(free.tolist(), self._waiting, strict=False):
            rows[place] = row
            uniforms.replace(place, _stream(self._requests[row]))
            new[place] = self._begin(row)
        return new

    def _begin(self, row: int) -> Prompt:
        prompt = self._requests[row].token_ids
        self._to_begin[prompt] -= 1
        return prompt

    def _comes_again(self, prompt: Prompt) -> bool:
        return self._to_begin[prompt] > 0


def _stream(request: Request) -> np.random.Generator:
    seed, *key = request.stream
    return generator(int(seed), *key)


def load(
    settings: ModelSettings, engine: EngineSettings, path: str | None, ends: tuple[int, ...]
) -> TransformersEngine:
    """See `engines.load.load_engine`."""
    source, revision = path or settings.path, None if path else settings.revision
    tokenizer = read_tokenizer(source, revision)
    end_of_turn = end_of_turn_ids(source, revision, ends)
    model = load_model(settings, path)
    context = context_length(model.config)
    mode = choose_mode(model, probe_ids(tokenizer), context)
    if mode is Mode.UNCACHED:
        warn(
            f"{source}: {model.config.model_type} models run without a cache here, as transformers' own "
            "would change what they say or is not there: every token costs a forward of all before it"
        )
    return TransformersEngine(
        model=model,
        end_of_turn=end_of_turn,
        context=context,
        batch_size=engine.batch_size,
        mode=mode,
        tokenizer=tokenizer,
        cuda_graphs=engine.cuda_graphs and model.device.type == "cuda",
    )
