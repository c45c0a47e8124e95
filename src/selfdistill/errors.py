"""The error model: which faults stop a run, which are data, and what the user reads.

- A *user's mistake* (`UserError`) is one line that says what, where and what to do. The command line prints it without
  a traceback and exits with code 2. `MissingExtraError` is such a mistake: a feature whose optional dependency is
  absent.
- A *harness fault* (`HarnessError`) is ours or the machine's: a sandbox that would not start, a worker that died. It is
  retried, and what still fails is recorded as the outcome "harness error", never as a wrong answer.
- A *bad completion* is data, never an exception: it becomes a verdict.
- A broken invariant is an `AssertionError` or whatever Python raises, with its traceback: a bug to report.
"""

from __future__ import annotations

from pathlib import Path


class SelfdistillError(Exception):
    """Base of every error that this package raises on purpose."""


class UserError(SelfdistillError):
    """A mistake that the user can correct: what is wrong, where it is, what to do.

    Args:
        what: the fault, without a full stop ("top_p is 1.5, outside (0, 1]").
        where: the file, file and line, or recipe key that holds it.
        fix: one instruction that mends it.
    """

    def __init__(self, what: str, *, where: str | Path | None = None, fix: str | None = None) -> None:
        self.what = what
        self.where = str(where) if where is not None else None
        self.fix = fix
        super().__init__(self._one_line())

    def _one_line(self) -> str:
        prefix = f"{self.where}: " if self.where else ""
        suffix = f" ({self.fix})" if self.fix else ""
        return " ".join(f"{prefix}{self.what}{suffix}".split())


class WrongValueError(UserError, ValueError):
    """An argument, or a field of a record, has a value that it cannot have; the message names it."""


class MissingExtraError(UserError):
    """An optional dependency is needed and absent; the message holds the line that installs it."""

    def __init__(self, feature: str, *, extra: str) -> None:
        super().__init__(
            f"{feature} needs an optional dependency that is not installed",
            fix=f"run: pip install 'selfdistill[{extra}]'",
        )


class NotNumbersError(UserError):
    """A model's logits are nan or infinite: there is nothing to draw from."""

    def __init__(self) -> None:
        super().__init__(
            "the model's logits are nan or infinite",
            where="model",
            fix="check its weights; where they overflow half precision, set model.dtype: float32",
        )


class StageError(SelfdistillError):
    """A stage that ran in a process of its own failed there: a bug to report; its traceback is the note."""


class KilledError(SelfdistillError):
    """A signal ended the process of a stage."""

    def __init__(self, what: str, number: int) -> None:
        self.number = number
        """Of the signal."""
        super().__init__(what)


class HarnessError(SelfdistillError):
    """The grading machinery failed, not the program under test."""


def first_line(error: BaseException) -> str:
    """The first line of an error's message that says anything, or the name of its type."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
