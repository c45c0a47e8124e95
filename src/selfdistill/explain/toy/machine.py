"""The toy's finite-state machine and its success probability, in closed form and by simulation (paper App. C.4).

    root --tok0, tok1--> fork --tok0--> lock --tok0--> lock --tok0--> lock --tok0--> PASS,     any other token: FAIL

A program in miniature: one position where the right way is not the likeliest (root), one where several continuations
are plausible (fork), then positions where only one token is right but a distractor tail keeps a quarter of the mass
(locks). Not a model of any data: it holds only what the argument needs.

    >>> from selfdistill.decoding import Decoding
    >>> round(success_probability(Machine(), (Decoding(temperature=0.639, top_p=0.8),)), 4)
    0.0833
"""

from __future__ import annotations

import math
from typing import Annotated, Self

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor

from selfdistill.decoding.distribution import Ranked, decode, dense, draw
from selfdistill.recipe.decoding import Stages
from selfdistill.seeds import generator

ROOT, FORK, LOCK = 0, 1, 2
"""Rows of `Machine.logits`: the three kinds of state."""
STATES = ("root", "fork", "lock")

Head = tuple[Annotated[float, Field(gt=0, lt=1)], ...]


class Machine(BaseModel):
    """The machine's shape and the base model's distribution in each kind of state; the defaults are the paper's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    root: Head = (0.200, 0.190, 0.329, 0.126)
    """Probabilities of tok0, tok1, ... at the root; the rest of the vocabulary shares what is left."""
    fork: Head = (0.148, 0.280, 0.140, 0.144)
    """The same at a fork, where tok0 is right and tok1 likelier."""
    lock: Head = (0.750, 0.055, 0.050, 0.037)
    """The same at a lock, where tok0 is right."""
    paths: Annotated[int, Field(ge=1)] = 2
    """How many root tokens (tok0, tok1, ...) lead on; every path is alike."""
    forks: Annotated[int, Field(ge=0)] = 1
    """Forks on each path."""
    locks: Annotated[int, Field(ge=0)] = 3
    """Locks on each path."""
    vocabulary: Annotated[int, Field(ge=2)] = 16
    """Tokens in all; those without a head probability form a geometric tail."""
    tail_ratio: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Each tail token's probability over the one's before it. 0.5 gives the paper's printed numbers."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        for name in STATES:
            head = getattr(self, name)
            if len(head) > self.vocabulary:
                raise ValueError(f"{name}: {len(head)} probabilities for {self.vocabulary} tokens")
            if sum(head) > 1 + 1e-9:
                raise ValueError(f"{name}: the probabilities sum to {sum(head):g}, more than 1")
            if len(head) == self.vocabulary and not math.isclose(sum(head), 1, abs_tol=1e-9):
                raise ValueError(f"{name}: probabilities of the whole vocabulary must sum to 1, not {sum(head):g}")
        if self.paths >= self.vocabulary:
            raise ValueError(f"paths: {self.paths} of {self.vocabulary} root tokens leave none that fails")
        return self

    @property
    def logits(self) -> Tensor:
        """(3, vocabulary) float64 log-probabilities of the base model; rows ROOT, FORK, LOCK."""
        return torch.stack([self._distribution(getattr(self, name)) for name in STATES]).log()

    def _distribution(self, head: Head) -> Tensor:
        tail = self.tail_ratio ** torch.arange(self.vocabulary - len(head), dtype=torch.float64)
        rest = max(0.0, 1 - sum(head))
        return torch.cat([torch.tensor(head, dtype=torch.float64), rest * tail / tail.sum()])


def policy(machine: Machine, stages: Stages) -> Tensor:
    """The distributions that tokens are drawn from, (3, vocabulary): the base's, decoded in these stages.

    Two stages, the sampling decoding first, are the ideally fitted student (paper Sec. 4, Lemma B.1).
    """
    return dense(decode(machine.logits, stages), machine.vocabulary)


def success_probability(machine: Machine, stages: Stages) -> float:
    """Probability that a walk passes, of the base decoded in these stages."""
    return success_of(machine, policy(machine, stages))


def success_of(machine: Machine, q: Tensor) -> float:
    """P = q_root(any path) * q_fork(tok0)^forks * q_lock(tok0)^locks, of a policy (3, vocabulary) (paper App. C.4)."""
    return float(q[ROOT, : machine.paths].sum() * q[FORK, 0] ** machine.forks * q[LOCK, 0] ** machine.locks)


def simulated_success(machine: Machine, stages: Stages, *, runs: int, seed: int) -> float:
    """The share of `runs` walks that pass, each step drawn by the code that draws a language model's tokens."""
    states = [ROOT, *[FORK] * machine.forks, *[LOCK] * machine.locks]
    ranked = decode(machine.logits[states], stages)
    walks = Ranked(*(part.expand(runs, -1, -1) for part in (ranked.token_ids, ranked.logprobs)))
    streams = [generator(seed, "toy", step).random(runs) for step in range(len(states))]
    token_ids, _ = draw(walks, torch.from_numpy(np.stack(streams, axis=1)))  # (runs, steps)
    passed = (token_ids[:, 0] < machine.paths) & (token_ids[:, 1:] == 0).all(1)
    return float(passed.double().mean())
