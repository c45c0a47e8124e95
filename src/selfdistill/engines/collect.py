"""Gathers the tokens, log-probabilities and targets of a batch, step by step, and hands out whole completions."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from selfdistill.decoding.distribution import Ranked
from selfdistill.engines.base import Completion
from selfdistill.engines.sparse import Support, by_row, support
from selfdistill.records import FinishReason


@dataclass(frozen=True, slots=True)
class _Step:
    """What one step drew for the rows that were alive before it."""

    rows: np.ndarray
    tokens: np.ndarray
    logprobs: np.ndarray
    support: Support | None


@dataclass(slots=True)
class Collector:
    """One batch's results so far. Arrays a step, put in row order once at the end: no Python work per token."""

    size: int
    keep_targets: bool
    cut_off: int = 0
    """Rows that this step brought to their limit before they ended."""
    _steps: list[_Step] = field(default_factory=list)
    _finished: np.ndarray = field(init=False)
    _stopped: np.ndarray = field(init=False)
    _completed: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self._finished = np.zeros(self.size, dtype=bool)
        self._stopped = np.zeros(self.size, dtype=bool)
        self._completed = np.zeros(self.size, dtype=bool)

    def begin_step(self) -> None:
        """What is added from now on belongs to another step."""
        self.cut_off = 0

    def alive(self, rows: np.ndarray) -> np.ndarray:
        """(places,) which of these rows continue."""
        return ~self._finished[rows]

    def add(
        self,
        rows: np.ndarray,
        tokens: np.ndarray,
        logprobs: np.ndarray,
        ranked: Ranked | None,
        stopped: np.ndarray,
        at_limit: np.ndarray,
        completed: np.ndarray | None = None,
    ) -> None:
        """Record one step of some rows; rows that had finished before are ignored.

        Args:
            rows: (n,) their indices in the batch.
            tokens, logprobs: (n,) what was drawn.
            ranked: (n, K) what it was drawn from; None where targets are not kept.
            stopped: (n,) whether the token ends the turn.
            at_limit: (n,) whether the token is the last that the row may have.
            completed: (n,) whether the token completes a stop string.
        """
        live = np.flatnonzero(~self._finished[rows])
        chosen = rows[live]
        kept = None
        if self.keep_targets:
            assert ranked is not None, "a target is the distribution that was drawn from"
            kept = support(ranked, live)
        self._steps.append(_Step(chosen, tokens[live], logprobs[live], kept))
        self._stopped[chosen] = stopped[live]
        self._finished[chosen] = (stopped | at_limit)[live]
        if completed is not None:
            self._completed[chosen] = completed[live]
            self._finished[chosen] |= completed[live]
        ended = self._stopped[chosen] | self._completed[chosen]
        self.cut_off += int((self._finished[chosen] & ~ended).sum())

    def completions(self) -> list[Completion]:
        """The batch's completions, in row order."""
        rows = np.concatenate([step.rows for step in self._steps])
        order = np.argsort(rows, kind="stable")  # by row, and within a row by step
        ends = np.bincount(rows, minlength=self.size).cumsum()
        tokens = np.concatenate([step.tokens for step in self._steps])[order]
        logprobs = np.concatenate([step.logprobs for step in self._steps])[order].astype(np.float64)
        supports = [step.support for step in self._steps if step.support is not None]
        targets = by_row(rows, supports, self.size) if self.keep_targets else [None] * self.size
        return [
            Completion(
                token_ids=tuple(tokens[start:end].tolist()),
                finish_reason=self._finish_reason(row),
                logprobs=tuple(logprobs[start:end].round(6).tolist()),
                targets=targets[row],
            )
            for row, (start, end) in enumerate(zip(np.r_[0, ends[:-1]], ends, strict=True))
        ]

    def _finish_reason(self, row: int) -> FinishReason:
        if self._completed[row]:
            return "stop_string"
        return "stop" if self._stopped[row] else "length"
