"""What the recipe's sections share: how they treat keys, and kinds of numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from selfdistill.errors import WrongValueError

EMBEDDED = "embedded"
"""Names the tiny model, the prompts and the problems that come inside the package."""

LARGEST = 1_000_000_000
"""Of any count: more is a slip of the keyboard, and would overflow somewhere below."""
PositiveInt = Annotated[int, Field(gt=0, le=LARGEST)]
CountOrZero = Annotated[int, Field(ge=0, le=LARGEST)]
PositiveFloat = Annotated[float, Field(gt=0, le=LARGEST, allow_inf_nan=False)]
Fraction = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
PositiveShare = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]
HOTTEST = 100
"""Of any temperature: beyond it every distribution is flat, and a logit divided by it is soon 0."""

_WORDS = {
    "string": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "tuple": "a list",
    "list": "a list",
    "dict": "a section of keys",
    "model": "a section of keys",
}
"""What pydantic's kinds of faults ask for, in a recipe's words; kinds go on: `int_parsing`, `int_from_float`."""


class Section(BaseModel):
    """A part of the recipe, or a decoding: frozen, and closed to unknown keys.

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
            what = complaint(fault)
            raise WrongValueError(f"{name}: {what}" if name else what, where=type(self).__name__) from None

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_for_a_number(cls, value: Any, info: ValidationInfo) -> Any:
        """Python takes true for 1, and so would pydantic: YAML's `yes` or `on` in the wrong line."""
        truths = any(isinstance(each, bool) for each in (value if isinstance(value, list | tuple) else [value]))
        wanted = _parts(cls.model_fields[str(info.field_name)].annotation)
        if truths and wanted & {int, float} and not wanted & {bool, True, False}:
            raise PydanticCustomError("float_type", "must be a number")
        return value

    # Else pydantic would build nested settings by calling this, and lose where in a recipe the fault is.
    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class NameIn:
    """Goes with `Annotated[str, ...]`: the text is a name in a table, which may have grown since."""

    table: Mapping[str, Any]
    besides: tuple[str, ...] = ()
    """Further names."""

    @property
    def names(self) -> tuple[str, ...]:
        """All that are allowed now."""
        return (*self.besides, *self.table)

    def check(self, name: str) -> str:
        """The name.

        Raises:
            ValueError: it is none of `names`, which the message lists.
        """
        if name not in self.names:
            *others, last = (repr(each) for each in self.names)
            raise ValueError(f"{', '.join(others)} or {last}")
        return name

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))


def complaint(fault: Mapping[str, Any]) -> str:
    """What is wrong, of one of a pydantic error's `errors()`, in a recipe's words."""
    kind, _, rest = str(fault["type"]).partition("_")
    if kind in _WORDS and rest in ("type", "parsing", "from_float", "parsing_size", "unicode"):
        return f"must be {_WORDS[kind]}"
    return str(fault["msg"]).removeprefix("Value error, ").replace("Input should be ", "must be ")


def a_name(name: str) -> str:
    """A name that can be a folder's, and stays in the folder that it is put into.

    Raises:
        ValueError: it cannot.
    """
    if (
        not name
        or len(name.encode()) > 200
        or name.startswith(".")
        or not name.isprintable()
        or set(name) & set("/\\:")
    ):
        raise ValueError("a name that can be a folder's: no slash, no dot in front, at most 200 bytes")
    return name


def _parts(annotation: Any) -> set[Any]:
    """The types, and literal values, that an annotation is made of."""
    if get_origin(annotation) is Literal:
        return set(get_args(annotation))
    inner = get_args(annotation)
    return set().union(*map(_parts, inner)) if inner else {annotation}


def is_section(annotation: Any) -> bool:
    """Whether a key of this type has keys of its own."""
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
