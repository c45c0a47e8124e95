"""What vLLM gives for a shard of requests, as completions. Imports nothing of vLLM's."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from selfdistill.engines.base import Completion, Progress, Request, SparseTargets
from selfdistill.engines.vllm_limits import TIES
from selfdistill.errors import NotNumbersError, UserError

ROUNDING = 1e-3
"""Probability that may be missing from a listed distribution."""


@dataclass(frozen=True, slots=True)
class Shard:
    """Requests that vLLM has, and their completions as they come."""

    requests: list[Request]
    finished: dict[int, Completion] = field(default_factory=dict)
    """By place in the shard."""

    @property
    def is_done(self) -> bool:
        """Whether nothing is missing."""
        return len(self.finished) == len(self.requests)

    def finish(self, place: int, output: Any, targets: bool, progress: Progress | None) -> None:
        """Take vLLM's output. It is turned into arrays at once: its lists take many times their room."""
        completion = _completion(output, greedy=self.requests[place].stages[-1].greedy, targets=targets)
        self.finished[place] = completion
        if progress:
            progress(1, len(completion.token_ids), int(completion.finish_reason == "length"))

    def completions(self) -> list[Completion]:
        """All of them, in the order of the requests."""
        return [self.finished[place] for place in range(len(self.requests))]


def _completion(output: Any, *, greedy: bool, targets: bool) -> Completion:
    """vLLM's output. At each position it lists the drawn token, then the most probable ones, filtered ones as -inf."""
    token_ids = tuple(output.token_ids)
    count = len(token_ids)
    ids = np.array(output.logprobs.token_ids, np.int32).reshape(count, -1)
    logprobs = np.array(output.logprobs.logprobs, np.float64).reshape(count, -1)
    if np.isnan(logprobs).any():
        raise NotNumbersError
    if greedy:  # q_s is a point; vLLM tells the untempered log-probability
        ids, logprobs = ids[:, :1].repeat(2, 1), np.zeros((count, 2))
    return Completion(
        token_ids=token_ids,
        finish_reason="stop" if output.finish_reason == "stop" else "length",
        logprobs=tuple(logprobs[:, 0].round(6).tolist()),
        targets=_targets(ids[:, 1:], logprobs[:, 1:]) if targets else None,
    )


def _targets(ids: np.ndarray, logprobs: np.ndarray) -> SparseTargets:
    """q_s from (T, K) listed log-probabilities, most probable first; renormalised, so that rounding does not add up.

    Raises:
        UserError: at some position more tokens were retained than are listed.
    """
    probabilities = np.exp(logprobs)
    retained = probabilities > 0
    mass = probabilities.sum(-1, keepdims=True)
    if len(mass) and mass.min() < 1 - ROUNDING:
        raise UserError(
            f"vLLM lists only {mass.min():.1%} of a distribution: more than {TIES} tokens tie with the top_k-th",
            where="sampling.decoding.top_k",
            fix="set model.dtype: float32, where fewer tie, or training.targets: hard, or engine.kind: transformers",
        )
    probabilities = probabilities / mass
    return SparseTargets(
        support_sizes=retained.sum(-1).astype(np.int32),
        token_ids=ids[retained],
        probabilities=probabilities[retained].astype(np.float32),
    )
