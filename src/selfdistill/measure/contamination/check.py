"""Compare a stream of texts with a benchmark's, and count. Reads no files (`sources` does)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from selfdistill.measure.contamination.index import Index
from selfdistill.measure.contamination.records import Counts, Match, Part, Reference
from selfdistill.recipe.contamination import KINDS, ContaminationSettings, Kind

Texts = Iterable[tuple[str, str]]
"""(id, text)."""


def compare(
    texts: Texts,
    references: Sequence[Reference],
    settings: ContaminationSettings,
    *,
    names: tuple[str, str] = ("prompts", "statements"),
    progress: Callable[[int], None] | None = None,
) -> Part:
    """Compare every text with every reference.

    Args:
        texts: read once, one at a time.
        references: the benchmark's statements, or its solutions.
        settings: what counts as contamination.
        names: what the texts and the references are called.
        progress: called with the number of texts since the last call.
    """
    index = Index(references, settings)
    matches: list[Match] = []
    compared = 0
    for text_id, text in texts:
        matches += index.compare(text_id, text)
        compared += 1
        if progress:
            progress(1)
    return Part(
        texts=names[0],
        against=names[1],
        compared=compared,
        problems=len({reference.task_id for reference in references}),
        short=index.short,
        boilerplate=index.boilerplate,
        counts=_counts(matches),
        matches=tuple(matches),
    )


def overlaps(references: Sequence[Reference], settings: ContaminationSettings) -> Callable[[str], bool]:
    """A test of whether a text overlaps in the kind that the settings drop, or a stronger one."""
    if settings.drop is None:
        return lambda text: False
    index = Index(references, settings)
    dropped = at_least(settings.drop)
    return lambda text: any(match.kind in dropped for match in index.compare("", text))


def at_least(kind: Kind) -> tuple[Kind, ...]:
    """This kind and the stronger ones."""
    return KINDS[: KINDS.index(kind) + 1]


def _counts(matches: Sequence[Match]) -> dict[Kind, Counts]:
    texts, problems = (Counter(_strongest(matches, by).values()) for by in ("text_id", "task_id"))
    return {kind: Counts(texts[kind], problems[kind]) for kind in KINDS}


def _strongest(matches: Sequence[Match], by: str) -> dict[str, Kind]:
    strongest: dict[str, Kind] = {}
    for match in matches:
        key = getattr(match, by)
        strongest[key] = min(strongest.get(key, match.kind), match.kind, key=KINDS.index)
    return strongest
