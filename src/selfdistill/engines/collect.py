"""Gathers the tokens, log-probabilities and targets of a batch, step by step, and hands out whole completions."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from torch import Tensor

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
    """Rows that the last step brought to their limit before they ended."""
    _steps: list[_Step] = field(default_factory=list)
    _finished: np.ndarray = field(init=False)
    _stopped: np.ndarray = field(init=False)
    _completed: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self._finished = np.zeros(self.size, dtype=bool)
        self._stopped = np.zeros(self.size, dtype=bool)
        self._completed = np.zeros(self.size, dtype=bool)

    def add(
        self,
        rows: np.ndarray,
        tokens: Tensor,
        logprobs: Tensor,
        ranked: Ranked,
        stopped: np.ndarray,
        at_limit: np.ndarray,
        completed: np.ndarray | None = None,
    ) -> np.ndarray:
        """Record one step of the active rows; rows that had finished before are ignored.

        Args:
            rows: (active,) their indices in the batch.
            tokens, logprobs: (active,) what was drawn.
            ranked: (active, K) what it was drawn from.
            stopped: (active,) whether the token ends the turn.
            at_limit: (active,) whether the token is the last that the row may have.
            completed: (active,) whether the token completes a stop string.

        Returns:
            (active,) which rows go on.
        """
        live = np.flatnonzero(~self._finished[rows])
        chosen = rows[live]
        kept = support(ranked, live) if self.keep_targets else None
        self._steps.append(_Step(chosen, tokens.cpu().numpy()[live], logprobs.cpu().numpy()[live], kept))
        self._stopped[chosen] = stopped[live]
        self._finished[chosen] = (stopped | at_limit)[live]
        if completed is not None:
            self._completed[chosen] = completed[live]
            self._finished[chosen] |= completed[live]
        ended = self._stopped[chosen] | self._completed[chosen]
        self.cut_off = int((self._finished[chosen] & ~ended).sum())
        return ~self._finished[rows]

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
