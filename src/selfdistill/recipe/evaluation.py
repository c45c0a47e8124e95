"""The recipe's section on step 3."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from selfdistill.recipe.decoding import Decoding, Stages
from selfdistill.recipe.section import EMBEDDED, HOTTEST, CountOrZero, PositiveInt, PositiveShare, Section
from selfdistill.records import Answers

WHOLE_GRID = (0.0, 0.5, 0.7, 0.9, 1.1, 1.3)
"""What `--grid` measures."""


class GridSettings(Section):
    """The temperature grid on which base and student are compared."""

    temperatures: tuple[Annotated[float, Field(ge=0, le=HOTTEST, allow_inf_nan=False)], ...] = (0.0,)
    """T_eval; 0 is greedy, which costs one completion a problem. `--grid` of `run` and `evaluate` adds 0.5, 0.7, 0.9,
    1.1 and 1.3, to a finished run too: that is how far either model gets by decoding alone."""
    top_k: CountOrZero = 20
    """Of every grid point; 0 is off."""
    top_p: PositiveShare = 0.8
    """Of every grid point; 1 is off."""

    @property
    def decodings(self) -> tuple[Decoding, ...]:
        """The grid's points."""
        return tuple(Decoding(temperature=each, top_k=self.top_k, top_p=self.top_p) for each in self.temperatures)


class GradingSettings(Section):
    """How programs are executed."""

    seconds_per_test: Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)] = 6.0
    """Wall-clock limit of one test; LiveCodeBench's is 6."""
    memory_mb: Annotated[int, Field(ge=16, le=2**20)] = 1024
    """Address space of one program."""
    rules: Literal["judge", "livecodebench"] = "judge"
    """How outputs are compared; see docs/grading.md."""
    answers: Answers = "needed"
    """What of an answer to a function-style problem is run: `needed`, what the tested functions need; `whole`, all of
    its code, the model's own checks included. `livecodebench` rules run it whole. See docs/grading.md."""
    isolation: Literal["full", "process"] = "full"
    """`full` refuses to run where the sandbox is missing; the weaker level must be asked for by name."""
    workers: Annotated[int, Field(gt=0, le=4096)] | None = None
    """Programs at a time; unset is the number of cores. Does not change any verdict."""


class EvaluationSettings(Section):
    """Step 3: decode base and student, execute the programs, compare."""

    benchmark: str
    """`embedded`, a benchmark's name, a file (docs/grading.md), or `repository:DIR`: functions of one's own
    (docs/prompts.md)."""
    split: str = "test"
    """Of the embedded problems: `validation` to tune on, `test` to report once."""
    since: str | None = None
    """Only problems from this ISO date on."""
    until: str | None = None
    """Only problems before this ISO date."""
    limit: PositiveInt | None = None
    """A subset of this many problems, the same for every seed."""
    base: Decoding
    """The base's own recommended decoding."""
    student: Decoding
    """T_eval and rho_eval."""
    grid: GridSettings = GridSettings()
    baselines: tuple[Stages, ...] = ()
    """Other rules of decoding, for both models: each a stage or a list of stages; see docs/decoding-baselines.md."""
    samples_per_problem: PositiveInt = 10
    """Programs drawn for each problem, n in the estimator of pass@k."""
    pass_at: tuple[PositiveInt, ...] = (1, 5)
    """Each k of pass@k."""
    max_new_tokens: PositiveInt = 131072
    """Completions are cut off here."""
    grading: GradingSettings = GradingSettings()

    @field_validator("since", "until", mode="before")
    @classmethod
    def _date_as_text(cls, value: Any) -> Any:
        """YAML makes a date of 2025-02-01 without quotes."""
        return value.isoformat() if isinstance(value, date) else value

    @field_validator("since", "until")
    @classmethod
    def _a_date(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                date.fromisoformat(value)
            except ValueError:
                raise ValueError("a date such as 2025-02-01") from None
        return value

    @field_validator("pass_at")
    @classmethod
    def _different(cls, ks: tuple[int, ...]) -> tuple[int, ...]:
        if not ks or len(set(ks)) < len(ks):
            raise ValueError("a list of different numbers, at least one")
        return ks

    @model_validator(mode="after")
    def _enough_samples(self) -> EvaluationSettings:
        if self.since and self.until and self.since >= self.until:
            raise ValueError(f"since {self.since} is not before until {self.until}")
        if self.benchmark.startswith(EMBEDDED) and self.split not in ("validation", "test"):
            raise ValueError(f"split {self.split!r}: the embedded problems have validation and test")
        if self.benchmark.startswith(EMBEDDED) and (self.since or self.until):
            raise ValueError("since and until: the embedded problems have no dates")
        if max(self.pass_at) > self.samples_per_problem:
            raise ValueError(f"pass@{max(self.pass_at)} needs samples_per_problem of at least {max(self.pass_at)}")
        return self
