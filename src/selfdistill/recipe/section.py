"""What all settings have in common: they are frozen, closed to unknown keys, and say in one line what is wrong."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from selfdistill.errors import WrongValueError


class Section(BaseModel):
    """A part of the recipe, or a decoding.

    Raises:
        WrongValueError: when built in Python with a value of the wrong type or out of range; names the field.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            fault = error.errors()[0]
            name = ".".join(map(str, fault["loc"]))
            what = str(fault["msg"]).removeprefix("Value error, ")
            raise WrongValueError(f"{name}: {what}" if name else what, where=type(self).__name__) from None

    # Else pydantic would build nested settings by calling this, and lose where in a recipe the fault is.
    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]
