"""The recipe's reference page, made from the schema: every key with its type, default and meaning.

python -m selfdistill.recipe.reference > docs/recipe.md
"""

from __future__ import annotations

import ast
import inspect
import itertools
import textwrap
from collections.abc import Iterable, Iterator
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from selfdistill.recipe.decoding import Decoding, Stages
from selfdistill.recipe.schema import HARMLESS_KEYS, Recipe
from selfdistill.recipe.section import NameIn, is_section

_INTRODUCTION = """# The recipe

Everything that decides a run's result is in one YAML file. `selfdistill recipes` lists the built-in ones,
`selfdistill recipes NAME > mine.yaml` gives you one to start from, with the keys that people change first on top, and
`--set key=value` overrides a key by its dotted name. A file may have dotted names too (`model.path: embedded`), or
sections. Unknown keys are refused. The resolved recipe is kept in the run's manifest; continuing in a run directory
under a changed recipe is refused too, except for the keys {harmless}, on which no result depends.

This page is made from the schema: `python -m selfdistill.recipe.reference > docs/recipe.md`.
"""


def reference() -> str:
    """The page, as Markdown."""
    harmless = ", ".join(f"`{key}`" for key in HARMLESS_KEYS)
    return "\n".join([_INTRODUCTION.format(harmless=harmless), *_section(Recipe, "")])


def _section(model: type[BaseModel], prefix: str) -> Iterator[str]:
    meanings = field_meanings(model)
    leaves = {name: field for name, field in model.model_fields.items() if not is_section(field.annotation)}
    yield f"## {prefix.rstrip('.') or 'Top level'}\n"
    if model.__doc__:
        yield f"{inspect.cleandoc(model.__doc__)}\n"
    if leaves:
        yield "| key | type | default | meaning |\n|---|---|---|---|"
        for name, field in leaves.items():
            default = "required" if field.is_required() else f"`{_default(field)}`"
            named = next((each.names for each in field.metadata if isinstance(each, NameIn)), None)
            kind = _one_of(named) if named else type_name(field.annotation)
            yield f"| `{prefix}{name}` | {kind} | {default} | {meanings.get(name, '')} |"
        yield ""
    for name, field in model.model_fields.items():
        for each in (field.annotation, *get_args(field.annotation)):  # a section, or one that may be left out
            if is_section(each) and get_origin(field.annotation) is not tuple:
                yield from _section(each, f"{prefix}{name}.")


def field_meanings(model: type[BaseModel]) -> dict[str, str]:
    """The string under each field of a model, as one line."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(model)))
    body = tree.body[0].body  # type: ignore[attr-defined]
    meanings = {}
    for field, below in itertools.pairwise(body):
        is_text = isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
        if isinstance(field, ast.AnnAssign) and is_text:
            meanings[field.target.id] = " ".join(str(below.value.value).split()).replace("|", "\\|")  # type: ignore[union-attr]
    return meanings


def _default(field: Any) -> str:
    value = field.get_default(call_default_factory=True)
    if value is PydanticUndefined or value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(list(value) if isinstance(value, tuple) else value)


def type_name(annotation: Any) -> str:
    """A type in words, as someone who writes YAML reads it.

    >>> type_name(tuple[float, ...] | None)
    'list of float, or null'
    """
    origin, inner = get_origin(annotation), get_args(annotation)
    if annotation == Stages:
        return "decoding"
    if origin is Annotated:
        return type_name(inner[0])
    if origin is Literal:
        return _one_of(inner)
    if origin in (Union, UnionType):
        named = [type_name(each) for each in inner if each is not NoneType]
        return " or ".join(named) + (", or null" if NoneType in inner else "")
    if origin is tuple:
        return f"list of {type_name(inner[0])}"
    if origin is dict:
        return "mapping"
    if annotation is Decoding:
        return "decoding"
    return "section" if is_section(annotation) else str(annotation.__name__)


def _one_of(values: Iterable[Any]) -> str:
    return "one of " + ", ".join(f"`{str(value).lower() if isinstance(value, bool) else value}`" for value in values)


if __name__ == "__main__":
    print(reference(), end="")
