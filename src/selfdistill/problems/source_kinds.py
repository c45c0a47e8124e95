"""Which prompt sources are data sets, with parts of their own to choose from; all others are read whole."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from selfdistill.errors import UserError
from selfdistill.problems.built_in import BUILT_IN
from selfdistill.problems.repository import is_repository
from selfdistill.problems.tables import table_kind
from selfdistill.recipe.prompt_sources import SELF
from selfdistill.urls import is_url

if TYPE_CHECKING:
    from selfdistill.recipe.prompts import PromptSettings


def is_data_set(source: str) -> bool:
    """Whether `datasets` reads it: a directory or a hub id."""
    if source in (*BUILT_IN, SELF) or is_repository(source) or is_url(source):
        return False
    return Path(source).is_dir() or not (Path(source).is_file() or table_kind(source))


def refuse_parts(settings: PromptSettings) -> None:
    """A split or subset that would change nothing is a mistake: the user believes that less is read.

    Args:
        settings: of one source, no mixture.

    Raises:
        UserError: the source has no such parts.
    """
    default = type(settings).model_fields["split"].default
    named = ("split",) if settings.split != default else ("subset",) if settings.subset is not None else ()
    for key in named:
        if not is_data_set(settings.source):
            raise UserError(
                f"{settings.source} is read whole: it has no {key} {getattr(settings, key)}",
                where=f"prompts.{key}",
                fix="leave the key out; only directories and hub ids of data sets have splits and subsets",
            )
