"""What the embedded base learns from: pretraining documents (30 % buggy), then clean solutions (the second stage).

A document is a prompt and a completion; training puts the end-of-text token after it. Only chains of the pretraining
split are used, and every item's text depends on its own index alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Literal

from selfdistill.embedded import bugs, chains, documents, programs, statements
from selfdistill.embedded.bugs import BUGGY_SHARE
from selfdistill.embedded.chain import Chain
from selfdistill.embedded.chains import SIDE_LENGTHS, TASK_LENGTHS, Family
from selfdistill.embedded.splits import Split

PRETRAINING_LENGTHS = {1: 22, 2: 50, 3: 21, 4: 7}
"""Weights of chain lengths in pretraining: hard chains are rare."""
_FAMILY_WEIGHTS: dict[Family | Literal["json"], int] = {"lists": 82, "scalars": 6, "strings": 6, "json": 6}


@dataclass(frozen=True, slots=True)
class Document:
    """One training document."""

    prompt: str
    completion: str

    @property
    def text(self) -> str:
        """The whole document."""
        return self.prompt + self.completion


def pretraining(count: int, *, name: str = "pretraining", split: Split = "pretraining") -> Iterator[Document]:
    """`count` documents of every family, BUGGY_SHARE of them with a bug."""
    for index in range(count):
        rng = Random(f"{name}/{index}")
        buggy = rng.random() < BUGGY_SHARE
        yield _document(rng, split, PRETRAINING_LENGTHS, buggy=buggy)


def held_out(limit: int = 1_000) -> Iterator[str]:
    """Documents like those of pretraining, of chains it never saw, for perplexity; each ends with an end-of-text."""
    return (document.text for document in pretraining(limit, name="held-out", split="validation"))


def instruct(count: int) -> Iterator[Document]:
    """`count` clean solutions with the task's mixture of lengths."""
    for index in range(count):
        yield _document(Random(f"instruct/{index}"), "pretraining", TASK_LENGTHS, buggy=False)


def write_document(chain: Chain, rng: Random, *, buggy: bool) -> Document:
    """A prompt for the chain, and a program for the prompt."""
    prompt, _, argument = statements.prompt(chain, rng)
    write = bugs.write_buggy if buggy else programs.write
    return Document(prompt, write(chain, argument, rng))


def _document(rng: Random, split: Split, lengths: dict[int, int], *, buggy: bool) -> Document:
    family = rng.choices(tuple(_FAMILY_WEIGHTS), tuple(_FAMILY_WEIGHTS.values()))[0]
    if family == "json":
        properties = documents.draw(rng, split)
        text = documents.write(properties, rng)
        return Document(documents.statement(properties), documents.spoil(text, rng) if buggy else text)
    weights = lengths if family == "lists" else SIDE_LENGTHS
    length = rng.choices(tuple(weights), tuple(weights.values()))[0]
    return write_document(chains.draw(rng, family, length, split), rng, buggy=buggy)
