"""The frozen records that every stage reads and writes; behaviour lives elsewhere.

Their JSON form, one object a line, is documented in docs/formats.md. Nothing here knows a model or a file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

FinishReason = Literal["stop", "stop_string", "length"]
Answers = Literal["needed", "whole"]
"""What of an answer to a function-style problem is run: what the tested functions need, or all of its code."""
Compare = Literal["equal", "as sets", "is given", "anything", "root"]
"""When a call's result is right: it equals what is expected; has the same elements; is something, or is None, as
expected; whatever it is; it is a root of the polynomial whose coefficients are the first argument."""
Difficulty = Literal["easy", "medium", "hard"]


@dataclass(frozen=True, slots=True)
class Prompt:
    """One rendered prompt: the exact text and token ids that every stage uses."""

    prompt_id: str
    """Stable name; with the recipe's seed it fixes the prompt's random streams."""
    text: str
    """The rendered text, chat template and prefill included where the recipe asks for them."""
    token_ids: tuple[int, ...]
    """What the model reads: `text`, tokenised once."""
    statement: str = ""
    """The problem as its source states it, before any template."""
    continuation: str = ""
    """An existing text after the prompt, where the source has one: context for soft targets, never a target."""
    answer_start: str = ""
    """What `text` already says of the answer: a thought that the template opens, the recipe's prefill."""
    starter_code: str = ""
    """The function header that the answer must fill, where the source has one."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One completion as the model produced it; nothing is trimmed, repaired or tokenised again."""

    prompt_id: str
    sample_index: int
    """0 .. samples_per_prompt - 1."""
    token_ids: tuple[int, ...]
    """The completion's tokens, the end-of-turn token included where the model produced it."""
    finish_reason: FinishReason
    """`stop`: the model ended its turn. `stop_string`: the last token completes one of the recipe's stop strings.
    `length`: it was cut off at the token limit."""
    logprobs: tuple[float, ...]
    """Natural log-probability of each drawn token under the distribution that it was drawn from."""
    text: str
    """The answer: the prompt's `answer_start`, then `token_ids` decoded without special tokens, cut before a stop
    string. For readers and for code extraction; never for training."""

    @property
    def key(self) -> str:
        """Its verdict's key: `prompt_id/sample_index`."""
        return f"{self.prompt_id}/{self.sample_index}"


@dataclass(frozen=True, slots=True)
class StdinCase:
    """One run of a whole program: what it reads, what it must print."""

    input: str
    output: str


@dataclass(frozen=True, slots=True)
class CallCase:
    """One call of the entry point with plain data."""

    args: tuple[Any, ...]
    expected: Any
    also: tuple[Any, ...] = ()
    """Further results that are right."""


@dataclass(frozen=True, slots=True)
class StdinTests:
    """Tests of a program that reads stdin and writes stdout."""

    cases: tuple[StdinCase, ...]
    kind: Literal["stdin"] = "stdin"


@dataclass(frozen=True, slots=True)
class CallTests:
    """Tests of a function, or of a method of LeetCode's `class Solution`."""

    entry_point: str
    cases: tuple[CallCase, ...]
    compare: Compare = "equal"
    kind: Literal["call"] = "call"


@dataclass(frozen=True, slots=True)
class AssertTests:
    """A script of assertions about the program's functions (HumanEval's `check`, MBPP's asserts)."""

    script: str
    """Python that fails by raising. Names it does not define are the program's."""
    entry_point: str | None = None
    """Where set, the script defines `check(candidate)` and is given this function of the program."""
    setup: str = ""
    """Imports and helpers that the script needs (MBPP's `test_imports`)."""
    kind: Literal["assert"] = "assert"


@dataclass(frozen=True, slots=True)
class PredictionTests:
    """CRUXEval: the completion is an expression, not a program.

    For `target == "output"` it must equal `expected`; for `target == "input"` calling `function` on it must give
    `expected`.
    """

    target: Literal["output", "input"]
    function: str
    """Source of the function `f` that the question is about."""
    given: str
    """Source of the known side's expression: the arguments for `output`, the result for `input`."""
    expected: str
    """Source of the expression that the answer must evaluate to (`output`) or lead to (`input`)."""
    kind: Literal["prediction"] = "prediction"


@dataclass(frozen=True, slots=True)
class SchemaTests:
    """Structured text: the completion is one JSON document that this JSON schema (2020-12) accepts."""

    schema: dict[str, Any]
    kind: Literal["schema"] = "schema"


@dataclass(frozen=True, slots=True)
class DoctestExample:
    """One example of a docstring, as `doctest` reads it."""

    source: str
    want: str
    """What is printed; "" for nothing."""
    raises: str | None = None
    """The last line of the traceback that is wanted, where one is."""
    options: tuple[str, ...] = ()
    """Names of doctest's flags that the example sets, such as `ELLIPSIS`."""


@dataclass(frozen=True, slots=True)
class DoctestTests:
    """A function's examples, run one after the other after the program, and compared as `doctest` does."""

    entry_point: str
    examples: tuple[DoctestExample, ...]
    kind: Literal["doctest"] = "doctest"


Tests = StdinTests | CallTests | AssertTests | PredictionTests | SchemaTests | DoctestTests


@dataclass(frozen=True, slots=True)
class Problem:
    """One benchmark problem: what the model is asked, and how its answer is judged."""

    task_id: str
    statement: str
    """What the model is asked: prose, or for completion benchmarks the code to continue."""
    tests: Tests
    starter_code: str = ""
    """A function header or class skeleton that the answer must fill, shown to the model."""
    program_prefix: str = ""
    """Code that stands before a raw completion to make it a program (HumanEval's prompt); empty for chat answers."""
    difficulty: str | None = None
    date: str | None = None
    """Contest date, ISO 8601, where the benchmark has one."""
    reference: str | None = None
    """A gold solution for checking the grader; never shown to a model."""
    metadata: dict[str, Any] = field(default_factory=dict)


class Outcome(StrEnum):
    """How one program ended. Exactly one holds."""

    PASSED = "passed"
    WRONG_ANSWER = "wrong answer"
    EXCEPTION = "exception"
    """It raised, or exited with an error, or was killed by its own doing; `detail` names the type."""
    SYNTAX_ERROR = "syntax error"
    TIMEOUT = "timeout"
    MEMORY_LIMIT = "memory limit"
    OUTPUT_LIMIT = "output limit"
    NO_CODE = "no code"
    """The completion held no program."""
    HARNESS_ERROR = "harness error"
    """Our fault or the machine's, after retries: never counted as a wrong answer, excluded from pass@k and reported."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The grader's answer about one program."""

    key: str
    """The submission's own key, e.g. `task_id/sample_index`."""
    outcome: Outcome
    detail: str = ""
    """One short line: exception type, first failing test, or the harness's fault."""
    seconds: float = 0.0
    """Wall-clock seconds of the program's tests; 0 for a verdict reused from an identical program."""
    tests: tuple[Outcome, ...] = ()
    """Outcome of each test that was run, in order; shorter than the tests after an early stop."""
    answers: Answers | None = None
    """The rule by which the program was taken from the answer; None where there is but one way."""
    other: Outcome | None = None
    """The outcome under the other rule, where that runs another program."""

    @property
    def task_id(self) -> str:
        """Of the problem, where the key is a sample's; an id may hold slashes itself."""
        return self.key.rpartition("/")[0]

    @property
    def sample_index(self) -> int:
        """Of the sample, where the key is one's."""
        return int(self.key.rpartition("/")[2])

    @property
    def passed(self) -> bool:
        """Whether every test passed."""
        return self.outcome is Outcome.PASSED

    def passes(self, rule: Answers) -> bool:
        """Whether the answer passes under a rule, be it the one that made this verdict or the other."""
        outcome = self.outcome if rule == self.answers or self.other is None else self.other
        return outcome is Outcome.PASSED
