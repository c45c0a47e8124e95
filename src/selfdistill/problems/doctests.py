"""The examples of a docstring, as `doctest` reads them, and the docstring without those that a model is not shown."""

from __future__ import annotations

import doctest

from selfdistill.records import DoctestExample

_NAMES = {flag: name for name, flag in doctest.OPTIONFLAGS_BY_NAME.items()}


def examples_of(docstring: str | None) -> tuple[DoctestExample, ...]:
    """Its examples, but for those marked to be skipped; none where no example says what is printed."""
    found = []
    for each in _parsed(docstring or ""):
        options = tuple(sorted(_NAMES[flag] for flag, on in each.options.items() if on))
        if "SKIP" not in options:
            found.append(DoctestExample(each.source, each.want, each.exc_msg, options))
    return tuple(found) if any(each.want for each in found) else ()


def without_answers(docstring: str) -> str:
    """The docstring with its first example alone, and none where there is but one: the rest are the tests."""
    examples = _parsed(docstring)
    said = [each for each in examples if each.want]
    first = examples.index(said[0]) + 1 if len(said) > 1 else 0
    lines: list[str | None] = list(docstring.split("\n"))
    for each in examples[first:]:
        length = each.source.count("\n") + each.want.count("\n")
        lines[each.lineno : each.lineno + length] = [None] * length
    kept = [line for line in lines if line is not None]
    return "\n".join(line for at, line in enumerate(kept) if line.strip() or (at and kept[at - 1].strip())).strip()


def _parsed(docstring: str) -> list[doctest.Example]:
    try:
        return doctest.DocTestParser().get_examples(docstring)
    except ValueError:  # examples that doctest refuses
        return []
