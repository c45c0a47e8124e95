"""Watches, while completions are generated, how they end: a limit that cuts off many of them is said at once.

A completion that is cut off is mostly a wrong answer, and as a training sample it does not show how to end. Where none
ends, the model's end-of-turn token may be unknown, and every further token is wasted. Says each at most once a job, and
changes nothing. The report counts what came of it (`report/endings.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from selfdistill.engines.base import Engine, Progress
from selfdistill.events import warn
from selfdistill.records import Prompt

WARN_ABOVE = 0.05
"""Share of completions that are cut off, above which a warning is given."""
ENOUGH = 64
"""Completions that must have finished before it is judged; at the job's end any number will do."""
LONG = 8192
"""Tokens for each of these completions after which one at least should have finished."""


@dataclass(frozen=True, slots=True)
class Limit:
    """Where completions are cut off, in the words of the recipe."""

    title: str
    """What is sampled, for the reader: `sampling from the base`."""
    key: str
    """The recipe's key that sets it: `sampling.max_new_tokens`."""


SAMPLING = Limit("sampling", "sampling.max_new_tokens")


@dataclass(slots=True)
class Watch:
    """A `Progress` that counts, warns, and tells another one."""

    limit: Limit
    max_new_tokens: int
    prompts: Sequence[Prompt]
    engine: Engine
    progress: Progress | None
    finished: int = 0
    cut_off: int = 0
    _tokens: int = field(default=0, init=False)
    _warned: bool = field(default=False, init=False)

    def __call__(self, items: int, tokens: int, cut_off: int = 0) -> None:
        """See `Progress`. Items without tokens were not generated: they are passed on, and not counted."""
        if tokens:
            self._tokens += tokens
            self.finished += items
            self.cut_off += cut_off
            if self.finished >= ENOUGH and (items or cut_off):
                self._judge("of the first ")
            elif not self.finished and self._tokens >= LONG * ENOUGH:
                self._say(
                    f"after {self._tokens:,} tokens no completion has ended by itself; the limit is {self._where()}. "
                    f"If that is no surprise, wait; else {_UNKNOWN}."
                )
        if self.progress:
            self.progress(items, tokens, cut_off)

    def end(self) -> None:
        """The job is done: judge it, however small it was."""
        if self.finished:
            self._judge("of ")

    def _judge(self, of: str) -> None:
        counted = f"{of}{self.finished:,} completion{'' if self.finished == 1 else 's'}"
        if self.cut_off == self.finished:
            advice = f"{self._advice()}; if that does not help, {_UNKNOWN}"
            self._say(f"none {counted} ended by itself: all were cut off at {self._where()}. {advice}.")
        elif self.cut_off > WARN_ABOVE * self.finished:
            share = f"{100 * self.cut_off / self.finished:.1f} %"
            self._say(f"{self.cut_off:,} {counted} ({share}) were cut off at {self._where()}. {self._advice()}.")

    def _say(self, text: str) -> None:
        if not self._warned:
            warn(f"{self.limit.title}: {text}")
        self._warned = True

    def _where(self) -> str:
        if self._context_binds():
            return f"the model's context of {self.engine.context:,} tokens"
        return f"{self.limit.key} = {self.max_new_tokens:,}"

    def _advice(self) -> str:
        return "Shorten the prompts, or use a model with a longer context" if self._context_binds() else "Raise it"

    def _context_binds(self) -> bool:
        """Whether for most prompts the context ends before the recipe's limit."""
        room = self.engine.context - self.max_new_tokens
        return 2 * sum(len(prompt.token_ids) > room for prompt in self.prompts) > len(self.prompts)


_UNKNOWN = "the model's end-of-turn token is not known (eos_token_id in its generation_config.json)"
