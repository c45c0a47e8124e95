"""The recipe's section on other tasks. Nothing here changes samples or training."""

from __future__ import annotations

from pydantic import field_validator

from selfdistill.recipe.decoding import Decoding
from selfdistill.recipe.section import PositiveInt, Section
from selfdistill.recipe.tasks import task


class RegressionSettings(Section):
    """Other tasks on which base and student are compared, to see what got worse. See docs/regressions.md."""

    tasks: tuple[str, ...] = ()
    """Embedded families (`embedded`, `embedded-scalars`, `embedded-strings`, `embedded-json`), `embedded-text`
    (perplexity), `text:FILE` (perplexity of a file's column `text`), a benchmark's name or file, or
    `lm-eval:TASK`."""
    decodings: tuple[Decoding, ...] = ()
    """Each is used for both models; empty is greedy and evaluation.student. lm-eval's tasks bring their own."""
    samples_per_problem: PositiveInt = 1
    """Programs or documents drawn for each problem; greedy ones are all the same."""
    limit: PositiveInt | None = None
    """At most this many items of each task; of problems, the same subset for every seed."""
    task_directory: str | None = None
    """Where lm-eval looks for task definitions besides its own."""

    @field_validator("tasks")
    @classmethod
    def _known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if len({task(name).slug for name in names}) < len(names):
            raise ValueError("a list of different tasks")
        return names
