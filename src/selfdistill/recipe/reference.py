"""The recipe's reference page, made from the schema: every key with its type, default and meaning.

python -m selfdistill.recipe.reference > docs/recipe.md
"""

from __future__ import annotations

import ast
import inspect
import itertools
import textwrap
from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from selfdistill.recipe.decoding import Stages
from selfdistill.recipe.schema import HARMLESS_KEYS, Recipe

_INTRODUCTION = """# The recipe

Everything that decides a run's result is in one YAML file. `selfdistill recipes` lists the built-in ones,
`selfdistill recipes NAME > mine.yaml` gives you one to start from, and `--set key=value` overrides a key by its dotted
name. Unknown keys are refused. The resolved recipe is kept in the run's manifest; going on in a run directory under a
changed recipe is refused too, except for the keys {harmless}, on which no result depends.

This page is made from the schema: `python -m selfdistill.recipe.reference > docs/recipe.md`.
"""


def reference() -> str:
    """The page, as Markdown."""
    harmless = ", ".join(f"`{key}`" for key in HARMLESS_KEYS)
    return "\n".join([_INTRODUCTION.format(harmless=harmless), *_section(Recipe, "")])


def _section(model: type[BaseModel], prefix: str) -> Iterator[str]:
    meanings = field_meanings(model)
    leaves = {name: field for name, field in model.model_fields.items() if not _is_section(field.annotation)}
    yield f"## {prefix.rstrip('.') or 'Top level'}\n"
    if model.__doc__:
        yield f"{inspect.cleandoc(model.__doc__)}\n"
    if leaves:
        yield "| key | type | default | meaning |\n|---|---|---|---|"
        for name, field in leaves.items():
            default = "required" if field.is_required() else f"`{_default(field)}`"
            yield f"| `{prefix}{name}` | {_type(field.annotation)} | {default} | {meanings.get(name, '')} |"
        yield ""
    for name, field in model.model_fields.items():
        if _is_section(field.annotation):
            yield from _section(field.annotation, f"{prefix}{name}.")  # type: ignore[arg-type]


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


def _is_section(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _default(field: Any) -> str:
    value = field.get_default(call_default_factory=True)
    if value is PydanticUndefined or value is None:
        return "null"
    return str(list(value) if isinstance(value, tuple) else value)


def _type(annotation: Any) -> str:
    if annotation == tuple[Stages, ...]:
        return "list of decodings"
    within = get_args(annotation)[:1]
    if within and _is_section(within[0]):
        return f"list of sections: {', '.join(f'`{name}`' for name in within[0].model_fields)}"
    text = annotation.__name__ if isinstance(annotation, type) else str(annotation)
    for noise in ("typing.", "Annotated", "NoneType"):
        text = text.replace(noise, "None" if noise == "NoneType" else "")
    text = text.split(", FieldInfo")[0].lstrip("[") if "FieldInfo" in text else text
    return (
        text.replace("Literal[", "one of ").replace("]", "").replace("[", " of ").replace("|", "or").replace("'", "`")
    )


if __name__ == "__main__":
    print(reference(), end="")
