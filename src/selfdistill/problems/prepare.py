"""From a source of statements to the prompts that are sampled: deduplicated, limited, rendered; every drop counted.

Source: paper Sec. 3 (deduplication on the whitespace-normalised statement; a subset of the seed problems).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from selfdistill.errors import UserError
from selfdistill.problems.render import Renderer
from selfdistill.problems.sources import read_statements
from selfdistill.problems.statement import Statement
from selfdistill.records import Prompt
from selfdistill.seeds import digest


@dataclass(frozen=True, slots=True)
class PromptCounts:
    """What happened to the source's rows."""

    loaded: int
    kept: int
    dropped: dict[str, int]
    """By reason: `empty`, `broken characters` (what cannot be written as UTF-8), `duplicate`, `contamination`,
    `too long`, `skipped`, `over the limit`."""


def prepare_prompts(
    renderer: Renderer,
    *,
    seed: int,
    context: int,
    texts: bool = False,
    drop: Callable[[str], bool] | None = None,
) -> tuple[list[Prompt], PromptCounts]:
    """Read, clean and render the recipe's prompts.

    Args:
        renderer: the base's tokenizer with the recipe's prompt settings.
        seed: draws the subset, if there is a limit.
        context: the model's context in tokens; a prompt must leave room for at least one more.
        texts: keep the existing text after each prompt; rows without one count as empty.
        drop: whether a statement overlaps with the benchmark and is to be left out; asked of those that might be used.

    Returns:
        The prompts, in the source's order, and what was dropped.

    Raises:
        UserError: the source cannot be read, or no prompt is left.
    """
    settings = renderer.settings
    dropped: Counter[str] = Counter()
    unique, loaded = _unique(
        read_statements(settings, texts=texts), texts=texts, deduplicate=settings.deduplicate, dropped=dropped
    )
    limit = settings.limit or len(unique)
    longest = min(settings.max_tokens or context, context - 1)
    chosen: dict[str, Prompt] = {}
    for prompt_id in sorted(unique, key=lambda key: digest(seed, "subset", key)) if settings.limit else list(unique):
        if len(chosen) == limit:
            break
        row = unique[prompt_id]
        if drop is not None and drop(row.statement):
            dropped["contamination"] += 1
            continue
        rendered = renderer.render(row.statement, row.starter_code)
        if len(rendered.token_ids) > longest:
            dropped["too long"] += 1
            continue
        if dropped["skipped"] < settings.skip:
            dropped["skipped"] += 1
            continue
        chosen[prompt_id] = Prompt(
            prompt_id, rendered.text, rendered.token_ids, row.statement, row.continuation, rendered.answer_start
        )
    used = len(chosen) + dropped["too long"] + dropped["contamination"] + dropped["skipped"]
    dropped["over the limit"] = len(unique) - used
    if not chosen:
        raise UserError(_nothing_left(loaded, dropped, longest), where=settings.source)
    prompts = [chosen[prompt_id] for prompt_id in unique if prompt_id in chosen]
    return prompts, PromptCounts(loaded, len(prompts), {reason: n for reason, n in dropped.items() if n})


def normalised(statement: str) -> str:
    """A statement with every run of white space as one blank: what duplicates are judged by."""
    return " ".join(statement.split())


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


def _nothing_left(loaded: int, dropped: Counter[str], longest: int) -> str:
    if not loaded:
        return "the data set is empty"
    reasons = ", ".join(f"{count} {reason}" for reason, count in dropped.items() if count)
    return f"no prompt is left of {loaded}: {reasons} (the limit is {longest} tokens)"
