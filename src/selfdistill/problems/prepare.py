"""From a source of statements to the prompts that are sampled: deduplicated, limited, rendered; every drop counted.

Source: paper Sec. 3 (deduplication on the whitespace-normalised statement; a subset of the seed problems).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from selfdistill.errors import UserError
from selfdistill.problems.mixture import interleaved, weights_of
from selfdistill.problems.render import Renderer
from selfdistill.problems.sources import read_statements
from selfdistill.problems.statement import Statement, normalised
from selfdistill.records import Prompt
from selfdistill.seeds import digest

if TYPE_CHECKING:
    from pathlib import Path

    from selfdistill.recipe.prompts import PromptSettings

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PromptCounts:
    """What happened to the source's rows."""

    loaded: int
    kept: int
    dropped: dict[str, int]
    """By reason: `empty`, `broken characters` (what cannot be written as UTF-8), `duplicate`, `contamination`,
    `too long`, `skipped`, `over the limit`, `beyond its share` (of a mixture), and a source's own reasons."""
    sources: dict[str, int] = field(default_factory=dict)
    """Kept, by part of a mixture."""


def prepare_prompts(
    renderer: Renderer,
    *,
    seed: int,
    context: int,
    texts: bool = False,
    drop: Callable[[str], bool] | None = None,
    written: Path | None = None,
) -> tuple[list[Prompt], PromptCounts]:
    """Read, clean and render the recipe's prompts.

    Args:
        renderer: the base's tokenizer with the recipe's prompt settings.
        seed: draws the subset, if there is a limit.
        context: the model's context in tokens; a prompt must leave room for at least one more.
        texts: keep the existing text after each prompt; rows without one count as empty.
        drop: whether a statement overlaps with the benchmark and is to be left out; asked of those that might be used.
        written: where the model's own prompts are, for the source `self`.

    Returns:
        The prompts, in the source's order, and what was dropped.

    Raises:
        UserError: the source cannot be read, or no prompt is left.
    """
    settings = renderer.settings
    longest = min(settings.max_tokens or context, context - 1)

    def prompt(prompt_id: str, row: Statement) -> Prompt | str:
        if drop is not None and drop(row.statement):
            return "contamination"
        rendered = renderer.render(row.statement, row.starter_code)
        if len(rendered.token_ids) > longest:
            return "too long"
        return Prompt(
            prompt_id,
            rendered.text,
            rendered.token_ids,
            row.statement,
            row.continuation,
            rendered.answer_start,
            row.starter_code,
        )

    prompts, counts = select(settings, prompt, seed=seed, texts=texts, written=written)
    if not prompts:
        raise UserError(_nothing_left(counts, longest), where=settings.source)
    return prompts, counts


def select(
    settings: PromptSettings,
    make: Callable[[str, Statement], T | str],
    *,
    seed: int,
    texts: bool = False,
    written: Path | None = None,
) -> tuple[list[T], PromptCounts]:
    """Read a source, or the shares of several, and keep what is wanted of it.

    Args:
        settings: the recipe's prompts section.
        make: from a row's id and the row to what is kept of it, or the reason why it is dropped; asked of those that
            might be used.
        seed, texts, written: as for `prepare_prompts`.

    Returns:
        What was made, in the source's order, and the counts.
    """
    dropped: Counter[str] = Counter()
    unique, loaded = _unique(
        read_statements(settings, texts=texts, written=written),
        texts=texts,
        deduplicate=settings.deduplicate,
        dropped=dropped,
    )
    refused = 0

    def usable(prompt_ids: Iterable[str]) -> Iterator[tuple[str, T]]:
        nonlocal refused
        for prompt_id in prompt_ids:
            made = make(prompt_id, unique[prompt_id])
            if isinstance(made, str):
                dropped[made] += 1
                refused += 1
            else:
                yield prompt_id, made

    weights = weights_of(settings)
    streams = [usable(prompt_ids) for prompt_ids in _by_origin(unique, weights, seed if settings.limit else None)]
    found = interleaved(streams, list(weights.values()))
    dropped["skipped"] = sum(1 for _ in islice(found, settings.skip))
    chosen = dict(islice(found, settings.limit))
    why = "over the limit" if len(weights) == 1 or settings.limit == len(chosen) else "beyond its share"
    dropped[why] = len(unique) - len(chosen) - dropped["skipped"] - refused
    sources = Counter(unique[prompt_id].origin for prompt_id in chosen)
    return [chosen[prompt_id] for prompt_id in unique if prompt_id in chosen], PromptCounts(
        loaded,
        len(chosen),
        {reason: n for reason, n in dropped.items() if n},
        {label: sources[label] for label in weights} if len(weights) > 1 else {},
    )


def _by_origin(unique: dict[str, Statement], weights: Iterable[str], seed: int | None) -> list[list[str]]:
    """Each source's ids: in its order, or in one that the seed draws."""
    order = list(unique) if seed is None else sorted(unique, key=lambda key: digest(seed, "subset", key))
    return [[prompt_id for prompt_id in order if unique[prompt_id].origin == origin] for origin in weights]


def _unique(
    rows: Iterable[Statement], *, texts: bool, deduplicate: bool, dropped: Counter[str]
) -> tuple[dict[str, Statement], int]:
    """Rows by unique id, in order. Ids that the source repeats get a suffix, as problems do not."""
    seen: set[bytes] = set()
    unique: dict[str, Statement] = {}
    loaded = 0
    for row in rows:
        loaded += 1
        if row.left_out:
            dropped[row.left_out] += 1
            continue
        if not row.encodable:
            dropped["broken characters"] += 1
            continue
        text = normalised(row.statement)
        if not text or (texts and not row.continuation.strip()):
            dropped["empty"] += 1
            continue
        key = digest(text, normalised(row.starter_code))
        if deduplicate and key in seen:
            dropped["duplicate"] += 1
            continue
        seen.add(key)
        prompt_id = row.prompt_id or key.hex()[:16]
        copies = 1
        while prompt_id in unique:
            copies += 1
            prompt_id = f"{row.prompt_id or key.hex()[:16]}#{copies}"
        unique[prompt_id] = row
    return unique, loaded


def _nothing_left(counts: PromptCounts, longest: int) -> str:
    if not counts.loaded:
        return "the data set is empty"
    reasons = ", ".join(f"{count} {reason}" for reason, count in counts.dropped.items())
    return f"no prompt is left of {counts.loaded}: {reasons} (the limit is {longest} tokens)"
