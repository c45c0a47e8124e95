"""What a decoding is: temperature, top-k, top-p; one stage, or several applied one after the other.

Only the settings and their checks; the arithmetic on logits is in `distribution.py`. Source: paper App. A.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

GREEDY_BELOW = 1e-5
"""A temperature under this means argmax, and nothing else is applied (vLLM's rule)."""


class Decoding(BaseModel):
    """One stage of decoding: divide logits by `temperature`, then top-k, then top-p, then renormalise."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    temperature: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    """Divides the logits. 0 (or less than 1e-5) is greedy."""
    top_k: Annotated[int, Field(ge=0)] = 0
    """Keep the tokens whose tempered logit is at least the k-th largest; 0 is off."""
    top_p: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] = 1.0
    """Of those, keep the smallest prefix by falling probability whose mass reaches this; 1 is off."""

    @property
    def greedy(self) -> bool:
        """Whether this is argmax."""
        return self.temperature < GREEDY_BELOW

    @property
    def label(self) -> str:
        """How reports name it: "greedy", "T 0.7", "T 0.7, top-k 20, top-p 0.8"."""
        if self.greedy:
            return "greedy"
        parts = [f"T {self.temperature:g}"]
        if self.top_k:
            parts.append(f"top-k {self.top_k}")
        if self.top_p < 1:
            parts.append(f"top-p {self.top_p:g}")
        return ", ".join(parts)


Stages = tuple[Decoding, ...]
"""Decodings applied one after the other. Two of them, on the base, are the *ideal-fit preview*: first the sampling
decoding, which an ideally fitted student has absorbed, then the decoding at evaluation (paper Sec. 4, Lemma B.1)."""


def label(stages: Stages) -> str:
    """How reports name a sequence of stages: joined by an arrow."""
    return " → ".join(stage.label for stage in stages)
