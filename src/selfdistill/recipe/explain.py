"""What `explain` looks at and where it draws the line between lock and fork: the recipe's `analysis` section.

Nothing here changes samples or training; only what is shown of them.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from selfdistill.recipe.section import HOTTEST, LARGEST, PositiveInt, Section, Share

Temperature = Annotated[float, Field(gt=0, le=HOTTEST, allow_inf_nan=False)]
TokenCount = Annotated[float, Field(gt=1, le=LARGEST, allow_inf_nan=False)]


class AnalysisSettings(Section):
    """Settings of the token view and of the curves over two models."""

    fork_tokens: TokenCount = 1.5
    """A position is a fork from this many effective tokens on, else a lock. Effective tokens = exp(entropy in nats) of
    q_s, the base's distribution on its retained support: 1 for a certain token, 2 for two equally likely ones, 1.5 for
    two at 86 % and 14 %."""
    sensitivity: tuple[TokenCount, ...] = (1.2, 1.35, 1.5, 1.75, 2.0, 3.0)
    """Other values of `fork_tokens` for which the main numbers are shown."""
    samples: PositiveInt = 300
    """At most this many samples are measured, spread evenly over those given."""
    programs: PositiveInt = 8
    """Programs shown token by token."""
    top_tokens: PositiveInt = 6
    """Tokens shown of each distribution."""
    movers: PositiveInt = 12
    """Positions listed as the biggest movers, by total variation between base and student."""
    temperatures: tuple[Temperature, ...] = (0.5, 0.7, 0.9, 1.1, 1.3, 1.6, 2.0)
    """T_eval of the curves over temperature."""
    ranks: PositiveInt = 20
    """The cumulative mass is drawn up to this rank, and the matched positions are matched in it (the paper's 20)."""
    matched_mass: Share = 0.01
    """Base and student count as matched where their mass in the first `ranks` tokens differs by at most this."""
    shown_tokens: PositiveInt = 400
    """Tokens shown of each program; the rest is left out, and said so."""
    chunk_logits: PositiveInt = 2**24
    """Logits of each model held at once, positions times vocabulary: 111 positions of a 150,000-entry vocabulary."""
