"""From command-line options to a validated settings record: a value out of range names its option, in one line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from selfdistill.errors import UserError
from selfdistill.recipe.section import complaint

Settings = TypeVar("Settings", bound=BaseModel)


def validated(settings: type[Settings], values: Mapping[str, Any], options: Mapping[str, str]) -> Settings:
    """Build a settings record.

    Args:
        settings: a pydantic model.
        values: its fields.
        options: dotted field -> option without dashes, where the name differs; "" for what no single option sets.

    Raises:
        UserError: a value is out of range; names the option.
    """
    try:
        return settings.model_validate(values)
    except ValidationError as error:
        fault = error.errors()[0]
        field = ".".join(part for part in fault["loc"] if isinstance(part, str))
        option = options.get(field, field.rpartition(".")[2]).replace("_", "-")
        raise UserError(complaint(fault), where=f"--{option}" if option else None) from None
