"""Lock or fork: the rule, and how much hangs on its threshold.

The rule looks at q_s, the base's distribution on its retained support under the sampling decoding (paper Sec. 4.1: a
lock has one or very few right tokens, a fork several plausible ones). It counts *effective tokens*, exp(H(q_s)): a
position is a fork from `AnalysisSettings.fork_tokens` on, and a lock below. The student does not enter, so that one
position is of one kind before and after training.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

Kind = Literal["lock", "fork"]
KINDS: tuple[Kind, ...] = ("lock", "fork")


def is_fork(effective: np.ndarray, fork_tokens: float) -> np.ndarray:
    """Which positions are forks."""
    return effective >= fork_tokens


def kind_of(effective: float, fork_tokens: float) -> Kind:
    """The kind of one position."""
    return "fork" if effective >= fork_tokens else "lock"
