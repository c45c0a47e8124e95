"""What is kept of one prompt's or problem's agreement; one line of `samples.agreement.jsonl`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Agreement:
    """The groups of one prompt's samples, and on what they agree. No output is kept."""

    key: str
    """The prompt's id, or the problem's."""
    inputs: tuple[str, ...]
    """As Python writes them."""
    sources: dict[str, int]
    """How many inputs came from where."""
    groups: tuple[tuple[int, ...], ...]
    """Sample indices, the largest group first."""
    failures: dict[str, int]
    """Samples without outputs, by reason."""
    samples: int
    """All of the prompt's, those without a program included."""
    programs: int
    """That were run on the inputs; identical ones are run once."""
    seconds: float
    """Wall-clock seconds of these runs, added up."""
