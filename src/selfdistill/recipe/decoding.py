"""What a decoding is: temperature, top-k, top-p, or another rule; one stage, or several applied one after the other.

Only the settings and their checks; the arithmetic on logits is in `rules.py` and `distribution.py`. Source: paper
App. A for `Decoding`; `decoding_rules.py` has the other rules.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag

from selfdistill.recipe.decoding_rules import (
    EntropyTemperature,
    ForkLock,
    MinP,
    PythonSyntax,
    TopNSigma,
    cut_label,
    cut_slug,
)
from selfdistill.recipe.section import HOTTEST, CountOrZero, PositiveShare, Section

GREEDY_BELOW = 1e-5
"""A temperature under this means argmax, and nothing else is applied (vLLM's rule)."""


class Decoding(Section):
    """One stage of decoding: divide logits by `temperature`, then top-k, then top-p, then renormalise."""

    temperature: Annotated[float, Field(ge=0, le=HOTTEST, allow_inf_nan=False)]
    """Divides the logits. 0 (or less than 1e-5) is greedy."""
    top_k: CountOrZero = 0
    """Keep the tokens whose tempered logit is at least the k-th largest; 0 is off."""
    top_p: PositiveShare = 1.0
    """Of those, keep the smallest prefix by falling probability whose mass reaches this; 1 is off."""

    @property
    def greedy(self) -> bool:
        """Whether this is argmax."""
        return self.temperature < GREEDY_BELOW

    @property
    def label(self) -> str:
        """How reports name it: "greedy", "T 0.7", "T 0.7, top-k 20, top-p 0.8"."""
        return "greedy" if self.greedy else f"T {self.temperature:g}{cut_label(self.top_k, self.top_p)}"

    @property
    def slug(self) -> str:
        """How files name it: "greedy", "T0.7-k20-p0.8"."""
        return "greedy" if self.greedy else f"T{self.temperature:g}{cut_slug(self.top_k, self.top_p)}"


def _rule(stage: Any) -> str:
    """A stage's `rule`; temperature, top-k and top-p, the ordinary one, has no such key."""
    return str(stage.get("rule", "")) if isinstance(stage, dict) else getattr(stage, "rule", "")


Stage = Annotated[
    Annotated[Decoding, Tag("")]
    | Annotated[MinP, Tag("min-p")]
    | Annotated[TopNSigma, Tag("top-n-sigma")]
    | Annotated[EntropyTemperature, Tag("entropy-temperature")]
    | Annotated[ForkLock, Tag("fork-lock")]
    | Annotated[PythonSyntax, Tag("python-syntax")],
    Discriminator(
        _rule,
        custom_error_type="unknown_rule",
        custom_error_message="unknown rule; known: min-p, top-n-sigma, entropy-temperature, fork-lock, python-syntax",
    ),
]
"""Any one stage; the key `rule` tells the types apart."""


_SYNTAX_FIRST = "rule python-syntax first, and a stage after it, e.g. [{rule: python-syntax}, {temperature: 0.7}]"


def _ordered(stages: tuple[Stage, ...]) -> tuple[Stage, ...]:
    """Refuse sequences that cannot be decoded."""
    if not stages:
        raise ValueError("at least one stage")
    if any(isinstance(stage, PythonSyntax) for stage in stages[1:]):
        raise ValueError(_SYNTAX_FIRST)
    if isinstance(stages[-1], PythonSyntax):
        raise ValueError(_SYNTAX_FIRST)
    return stages


def _listed(stages: Any) -> Any:
    """A lone stage is a list of one."""
    return [stages] if isinstance(stages, dict) else stages


Stages = Annotated[tuple[Stage, ...], BeforeValidator(_listed), AfterValidator(_ordered)]
"""Stages applied one after the other. Two of `Decoding`, on the base, are the *ideal-fit preview*: first the sampling
decoding, which an ideally fitted student has absorbed, then the decoding at evaluation (paper Sec. 4, Lemma B.1)."""


def label(stages: Stages) -> str:
    """How reports name a sequence of stages: joined by an arrow."""
    return " → ".join(stage.label for stage in stages)


def split_syntax(stages: Stages) -> tuple[PythonSyntax | None, Stages]:
    """The syntax stage, which needs the text so far, if there is one; and the others, which need only logits."""
    first, *others = stages
    return (first, tuple(others)) if isinstance(first, PythonSyntax) else (None, stages)
