"""Protocols as data: how a published number was measured. Each is a file in `protocols/`, with its source."""

from __future__ import annotations

import difflib
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, PositiveInt, ValidationError

from selfdistill.errors import UserError
from selfdistill.grading.limits import Rules
from selfdistill.recipe.decoding import Decoding
from selfdistill.records import Answers, Problem


class Protocol(BaseModel):
    """Everything that decides a score besides the model and the problems."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    source: str
    chat: bool
    """Whether the message goes through the chat template."""
    system: str | None = None
    message: str
    """What the model is asked; `{statement}` is the problem's."""
    message_with_starter_code: str | None = None
    """The same where the problem has starter code: `{starter_code}`."""
    mbpp_statement: str | None = None
    """The statement of an MBPP row that brings none: `{task}`, `{first_test}`."""
    strip: bool = True
    """Whether white space round the statement is removed."""
    prefill: str = ""
    stop: tuple[str, ...] = ()
    decoding: Decoding
    samples_per_problem: PositiveInt
    max_new_tokens: PositiveInt
    answers: Answers
    rules: Rules = "judge"
    benchmarks: tuple[str, ...]
    """Those that it is meant for."""
    notes: tuple[str, ...] = ()
    """In what the published measurement differs all the same."""

    def ask(self, problem: Problem) -> str:
        """The message for one problem."""
        statement = problem.statement
        if self.mbpp_statement is not None and "first_test" in problem.metadata:
            statement = _fill(self.mbpp_statement, problem.metadata)
        if self.strip:
            statement = statement.strip()
        message = (problem.starter_code and self.message_with_starter_code) or self.message
        return _fill(message, {"statement": statement, "starter_code": problem.starter_code})


def protocol_names() -> tuple[str, ...]:
    """The protocols that come with the package."""
    return tuple(sorted(Path(entry.name).stem for entry in _folder().iterdir() if entry.name.endswith(".yaml")))


def load_protocol(name: str) -> Protocol:
    """A protocol by its name, or from a YAML file of the same form.

    Raises:
        UserError: there is none, or the file is not one.
    """
    path = _folder() / f"{name}.yaml" if name in protocol_names() else Path(name)
    if not path.is_file():
        nearest = difflib.get_close_matches(name, protocol_names(), n=1)
        hint = f"did you mean {nearest[0]}?" if nearest else f"give a YAML file or one of {', '.join(protocol_names())}"
        raise UserError("no such protocol", where=name, fix=hint)
    try:
        return Protocol.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (yaml.YAMLError, UnicodeDecodeError, ValidationError) as error:
        raise UserError(f"not a protocol: {str(error).splitlines()[0]}", where=name) from error


def _folder() -> Path:
    return Path(str(resources.files("selfdistill.measure.published") / "protocols"))


def _fill(text: str, values: dict[str, Any]) -> str:
    """Put values into `{name}` places; other braces stay, and values are not looked at again."""
    parts: list[str] = []
    while text:
        found = [(text.find(f"{{{name}}}"), name) for name in values if f"{{{name}}}" in text]
        if not found:
            break
        position, name = min(found)
        parts += [text[:position], str(values[name])]
        text = text[position + len(name) + 2 :]
    return "".join([*parts, text])
