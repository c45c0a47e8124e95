"""The recipe's section on prompts: where they come from, and how they are rendered."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from selfdistill.recipe.prompt_sources import MIXTURE, MixturePart, SelfWritten
from selfdistill.recipe.section import CountOrZero, PositiveInt, Section


class Columns(Section):
    """Names of the data set's columns."""

    statement: str = "question"
    """The problem's text, or a list of messages with one user's message in it."""
    id: str | None = None
    """A unique name for each problem; unset uses a digest of the statement."""
    starter_code: str | None = None
    """A function header that the answer must fill; problems with one are function-style."""
    text: str = "text"
    """An existing text after the prompt; read where sampling.source is `texts`."""


class PromptSettings(Section):
    """Where the prompts come from, and how they are rendered. Evaluation renders its problems the same way."""

    source: str
    """`embedded`, `embedded-json`, a file (.jsonl, .json, .csv, .tsv, .parquet; also .gz), a directory, or a data set's
    hub id; `self`, `repository:DIR` or `mixture`: docs/prompts.md. With sampling.source `texts` also `embedded-clean`,
    `embedded-buggy`, `embedded-strings`, `embedded-scalars` or `standard-library`: docs/texts.md."""
    subset: str | None = None
    """The data set's configuration name."""
    split: str = "train"
    """The data set's split."""
    columns: Columns = Columns()
    template: Literal["auto", "plain", "function", "stdin"] = "auto"
    """`plain`: the statement as it is. `function` and `stdin`: instructions for the two kinds of programs. `auto`:
    `function` where there is starter code, else `stdin`."""
    chat: Literal["auto", "always", "never"] = "auto"
    """Whether to apply the tokenizer's chat template; `auto` does if it has one."""
    system: str | None = None
    """System message of the chat template."""
    chat_template_arguments: dict[str, Any] = Field(default_factory=dict)
    """Passed to the chat template, e.g. `{enable_thinking: false}`."""
    prefill: str = ""
    """The beginning of every answer, e.g. "```python\\n": written after the prompt, in sampling and in evaluation
    alike. It is prompt, so no loss falls on it, and part of the answer's text. Answers that are not programs get
    none."""
    stop: tuple[str, ...] = ()
    """An answer ends before one of these texts, e.g. `["\\nclass ", "\\ndef "]` for a base model, in sampling and in
    evaluation alike. The sample keeps its token ids up to the one that completes the text."""
    deduplicate: bool = True
    """Keep the first of the statements that are equal up to white space (paper Sec. 3)."""
    limit: PositiveInt | None = None
    """Use a subset of this many prompts, drawn by the recipe's seed."""
    skip: CountOrZero = 0
    """Leave out this many that a smaller `skip` would have used: fresh prompts for another round."""
    max_tokens: PositiveInt | None = None
    """Drop longer prompts; unset drops those that leave no room for a completion in the model's context."""
    mixture: tuple[MixturePart, ...] = ()
    """With `source: mixture`, its parts, e.g. `[{source: self, weight: 2}, {source: mine.jsonl}]`."""
    self_written: SelfWritten = SelfWritten()

    @field_validator("stop")
    @classmethod
    def _texts(cls, strings: tuple[str, ...]) -> tuple[str, ...]:
        if not all(strings):
            raise ValueError("a list of texts that are not empty")
        return strings

    @model_validator(mode="after")
    def _mixes(self) -> PromptSettings:
        if (self.source == MIXTURE) != bool(self.mixture):
            raise ValueError("mixture goes with source: mixture, and lists some sources: [{source: mine.jsonl}, ...]")
        return self
