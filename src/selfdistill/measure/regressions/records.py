"""What measuring a task leaves behind: a plan of what is measured, and scores by item."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from selfdistill.recipe.tasks import Form

OWN = "own"
"""The decoding of tasks that bring their own, or have none."""
MODELS: tuple[Literal["base", "student"], ...] = ("base", "student")
Measure = Literal["share", "nats", "other"]
"""`share`: of right answers, or another score in [0, 1]. `nats`: per token, less is better. `other`: lm-eval's own."""


@dataclass(frozen=True, slots=True)
class Score:
    """One item's score under one model and decoding."""

    item: str
    value: float | None
    """A mean over the item's samples; None where nothing could be judged."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One task of regressions/tasks.json: what is measured, and where its scores are."""

    name: str
    slug: str
    title: str
    form: Form
    measure: Measure
    score: str
    """What the score is: `pass@1`, `nats per token`, lm-eval's name of its metric."""
    decodings: tuple[str, ...]
    """File names of the decodings, each of which both models have scores under."""
    labels: tuple[str, ...]
    """The decodings for readers."""
    fingerprint: str
    """Of the items; a task that has changed since is not continued."""
    higher_is_better: bool = True
