"""The inputs on which a prompt's programs are run: from its statement, never from tests."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from selfdistill import seeds
from selfdistill.agreement.asked import Asked
from selfdistill.agreement.drawn import drawn
from selfdistill.agreement.examples import example_calls, sample_inputs
from selfdistill.agreement.kinds import ANY, kind_of
from selfdistill.agreement.mutations import mutated, mutated_texts
from selfdistill.recipe.agreement import AgreementSettings, Source


@dataclass(frozen=True, slots=True)
class Inputs:
    """Inputs of one prompt, those of the first source first."""

    values: tuple[Any, ...]
    """Tuples of arguments; texts where a program reads standard input."""
    sources: dict[Source, int]
    """How many came from where."""


def inputs_of(asked: Asked, settings: AgreementSettings, seed: int, key: str, written: str = "") -> Inputs:
    """Inputs for one prompt, at most `most_inputs`; none where the statement gives nothing to go by.

    Args:
        asked: what the prompt asks for.
        settings: which sources are used.
        seed, key: the recipe's and the prompt's own; they decide mutations and drawn values.
        written: what the model wrote when it was asked for inputs.
    """
    examples = _examples(asked, asked.text)
    found: dict[str, tuple[Source, Any]] = {}

    def add(source: Source, values: Iterable[Any]) -> None:
        for value in values:
            if len(found) < settings.most_inputs:
                found.setdefault(repr(value), (source, value))

    makers: dict[Source, Callable[[int], Iterable[Any]]] = {
        "examples": lambda _: examples,
        "mutations": lambda count: _mutations(asked, examples, count, seed, key),
        "types": lambda count: _drawn(asked, count, seed, key, shown=bool(examples)),
        "model": lambda _: _examples(asked, written),
    }
    for source in settings.inputs:
        add(source, makers[source](settings.most_inputs - len(found)))
    values = list(found.values())
    counts = {source: sum(each == source for each, _ in values) for source in settings.inputs}
    return Inputs(tuple(value for _, value in values), {source: count for source, count in counts.items() if count})


def _examples(asked: Asked, text: str) -> list[Any]:
    if asked.entry_point is None:
        return list(sample_inputs(text))
    return list(example_calls(text, asked.entry_point, [each.name for each in asked.parameters]))


def _mutations(asked: Asked, examples: list[Any], count: int, seed: int, key: str) -> list[Any]:
    mutate = mutated_texts if asked.entry_point is None else mutated
    return list(mutate(examples, count, seeds.generator(seed, "agreement", "mutations", key)))


def _drawn(asked: Asked, count: int, seed: int, key: str, *, shown: bool) -> list[Any]:
    """Values by type. A parameter of which nothing is said gets a guess, but not where examples show what it is."""
    if shown and any(kind_of(each.type) == ANY for each in asked.parameters):
        return []
    return list(drawn(asked.parameters, count, seeds.generator(seed, "agreement", "types", key)))
