"""A task's name, as recipes and the command line give it, and what it stands for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Form = Literal["problems", "text", "lm-eval"]
"""`problems`: sampled under a decoding, and graded. `text`: read, for its perplexity. `lm-eval`: that package's own."""

EMBEDDED_TEXT = "embedded-text"
_TITLES = {
    "embedded": "programs about lists",
    "embedded-scalars": "programs about numbers",
    "embedded-strings": "programs about strings",
    "embedded-json": "JSON to a schema",
    EMBEDDED_TEXT: "held-out text",
}


@dataclass(frozen=True, slots=True)
class Task:
    """What a name stands for."""

    name: str
    """As it was given."""
    form: Form
    source: str
    """The name without its prefix: a benchmark, a file, a task of lm-eval."""

    @property
    def slug(self) -> str:
        """Fit for a directory's name."""
        return re.sub(r"[^A-Za-z0-9.+]+", "-", self.name).strip("-.")

    @property
    def title(self) -> str:
        """For readers."""
        return _TITLES.get(self.name, self.source)


def task(name: str) -> Task:
    """What a name stands for. Whether there is such a benchmark, file or task shows when it is loaded.

    >>> task("lm-eval:hellaswag").form
    'lm-eval'
    """
    if name == EMBEDDED_TEXT:
        return Task(name, "text", name)
    prefix, colon, source = name.partition(":")
    if colon and prefix == "text":
        return Task(name, "text", source)
    if colon and prefix == "lm-eval":
        return Task(name, "lm-eval", source)
    return Task(name, "problems", name)
