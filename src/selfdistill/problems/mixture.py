"""Several sources of prompts in given shares.

The shares hold exactly, up to one prompt: a mixture ends at its limit, or where the first of its sources has no more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

from selfdistill.errors import UserError
from selfdistill.problems.source_kinds import is_data_set
from selfdistill.recipe.prompt_sources import MIXTURE

if TYPE_CHECKING:
    from selfdistill.recipe.prompt_sources import MixturePart
    from selfdistill.recipe.prompts import PromptSettings

T = TypeVar("T")


def parts(settings: PromptSettings) -> Iterator[tuple[MixturePart, PromptSettings]]:
    """Each part of a mixture, with the prompts section as it is for that part alone.

    Raises:
        UserError: one is there twice or is a mixture itself, or it names a column that rows do not have.
    """
    repeated = [label for label, count in Counter(part.label for part in settings.mixture).items() if count > 1]
    if repeated or any(part.source == MIXTURE for part in settings.mixture):
        raise UserError(f"lists {(repeated or [MIXTURE])[0]} more than once, or a mixture", where="prompts.mixture")
    for part in settings.mixture:
        unknown = part.columns.keys() - type(settings.columns).model_fields.keys()
        if unknown:
            known = ", ".join(type(settings.columns).model_fields)
            raise UserError(
                f"{part.source}: unknown column {min(unknown)}", where="prompts.mixture", fix=f"known: {known}"
            )
        whole = not is_data_set(part.source)  # the section's split and subset are meant for the others
        plain = type(settings).model_fields
        yield (
            part,
            settings.model_copy(
                update={
                    "source": part.source,
                    "subset": part.subset or (plain["subset"].default if whole else settings.subset),
                    "split": part.split or (plain["split"].default if whole else settings.split),
                    "columns": settings.columns.model_copy(update=part.columns),
                }
            ),
        )


def weights_of(settings: PromptSettings) -> dict[str, float]:
    """Weights by part; a single source is "" alone."""
    if settings.source != MIXTURE:
        return {"": 1.0}
    return {part.label: part.weight for part in settings.mixture}


def interleaved(streams: Sequence[Iterator[T]], weights: Sequence[float]) -> Iterator[T]:
    """Take from each stream in proportion to its weight, until the one whose turn it is has no more.

    >>> "".join(interleaved([iter("aaaa"), iter("bbbb")], [2, 1]))
    'aabaab'
    """
    taken = [0] * len(streams)
    while streams:
        turn = min(range(len(streams)), key=lambda index: (taken[index] + 1) / weights[index])
        try:
            yield next(streams[turn])
        except StopIteration:
            return
        taken[turn] += 1
