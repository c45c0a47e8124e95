"""How much a first recipe does: the most that fits into the hours that it is given, by `plan`'s arithmetic.

Everything shrinks together: with a tenth of the prompts and all of the problems, or the other way round, the time would
go where it tells little.
"""

from __future__ import annotations

from dataclasses import dataclass

HOURS = {"cpu": 1.0, "mps": 1.0}
"""Of a first run where nobody says how long it may take; on a GPU as much is done as tells something."""


@dataclass(frozen=True, slots=True)
class Amount:
    """What is sampled and evaluated."""

    prompts: int
    problems: int | None
    """Of the benchmark; None is all."""
    samples: int
    """Programs drawn for each problem."""
    temperatures: tuple[float, ...]
    """Of the grid."""
    tokens: int
    """A completion's, at most; what the memory allows may be less."""


AMOUNTS = (
    Amount(4000, None, 10, (0.0, 0.7), 4096),
    Amount(2000, None, 10, (0.0, 0.7), 2048),
    Amount(1000, None, 5, (0.0, 0.7), 1024),
    Amount(500, 80, 5, (0.0, 0.7), 1024),
    Amount(500, 80, 4, (0.0, 0.7), 512),
    Amount(256, 80, 2, (0.0, 0.7), 512),
    Amount(128, 40, 2, (0.0, 0.7), 512),
    Amount(128, 40, 2, (0.0, 0.7), 256),
    Amount(64, 40, 2, (0.0, 0.7), 256),
    Amount(64, 20, 2, (0.0,), 256),
    Amount(32, 20, 1, (0.0,), 256),
    Amount(32, 10, 1, (0.0,), 128),
)
"""The most first. A run of the last one shows that all of it works, and no more."""
