"""From a YAML file, or a built-in recipe's name, and `--set` overrides to a validated `Recipe`.

Every fault is a `UserError` that names file, line and key; an unknown key is answered with the nearest known one.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from datetime import date
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from selfdistill.checked import checked
from selfdistill.errors import UserError
from selfdistill.recipe.evaluation import WHOLE_GRID
from selfdistill.recipe.one_card import known_models, one_card_text
from selfdistill.recipe.schema import HARMLESS_KEYS, Recipe
from selfdistill.recipe.section import complaint, is_section
from selfdistill.recipe.text import parse_yaml, read_value, read_yaml

_TRIED = ("str", "tuple[str, ...]", "[key]", "")
"""What a path of pydantic's may end with that is no key."""
_SHOWN = 80
"""Characters of a value in a message."""


def builtin_recipes() -> tuple[str, ...]:
    """Names of the recipes that come with the package."""
    files = (entry.name.removesuffix(".yaml") for entry in _builtin().iterdir() if entry.suffix == ".yaml")
    return tuple(sorted([*files, *known_models()]))


@checked
def load_recipe(source: str | Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe.

    Args:
        source: a YAML file's path, or a built-in recipe's name. Keys are in sections, or have dotted names.
        overrides: `key=value` with dotted keys and YAML values, e.g. `sampling.decoding.temperature=1.2`.

    Raises:
        UserError: no such recipe, broken YAML, an unknown key, a value out of range.
    """
    file = _find(str(source))
    path = file or Path(source)
    tree, lines = read_yaml(file) if file else parse_yaml(one_card_text(str(source)), path)
    tree = _nested(tree, path)
    if not overrides:
        return _validate(tree, path, lines)
    changed = _overridden(tree, overrides)
    try:
        return Recipe.model_validate(changed)
    except ValidationError as error:
        _validate(tree, path, lines)  # what is wrong without the overrides is the file's fault
        fault = _most_telling(error)
        key = _dotted(fault)
        raise _fault(fault, key, f"--set {_blamed(tree, overrides, key)}") from None


def recipe_text(name: str) -> str:
    """The YAML of a built-in recipe, with its comments."""
    path = _find(name)
    return path.read_text(encoding="utf-8") if path else one_card_text(name)


def parse_recipe(tree: Mapping[str, Any], where: str | Path) -> Recipe:
    """Validate a recipe that was read from elsewhere, e.g. a manifest."""
    return _validate(dict(tree), Path(where), {})


def with_changes(recipe: Recipe, changes: Mapping[str, Any], where: str) -> Recipe:
    """The recipe with other values of some dotted keys; each value takes the place of the whole key.

    Raises:
        UserError: an unknown key, a value out of range; `where` says whose they are.
    """
    tree = recipe.model_dump(mode="json")
    for key, value in changes.items():
        section, last = _section_of(tree, str(key), where)
        section[last] = value
    return _validate(tree, where, {})


def recipe_digest(recipe: Recipe) -> str:
    """A digest of everything in the recipe that a result may depend on."""
    values = {key: value for key, value in _flatten(recipe.model_dump(mode="json")) if key not in HARMLESS_KEYS}
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def with_whole_grid(recipe: Recipe) -> Recipe:
    """The recipe, evaluated on its own grid's temperatures and those of `WHOLE_GRID`."""
    grid = recipe.evaluation.grid
    temperatures = tuple(sorted({*grid.temperatures, *WHOLE_GRID}))
    evaluation = recipe.evaluation.model_copy(update={"grid": grid.model_copy(update={"temperatures": temperatures})})
    return recipe.model_copy(update={"evaluation": evaluation})


def changed_keys(old: Recipe, new: Recipe) -> tuple[str, ...]:
    """Dotted keys on which two recipes differ, harmless ones left out."""
    before = dict(_flatten(old.model_dump(mode="json")))
    after = dict(_flatten(new.model_dump(mode="json")))
    keys = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    return tuple(sorted(keys - set(HARMLESS_KEYS)))


def _builtin() -> Path:
    return Path(str(resources.files("selfdistill.recipe") / "builtin"))


def _find(source: str) -> Path | None:
    """The recipe's file; None for a built-in one that is made of the table of models."""
    builtin = _builtin() / f"{source}.yaml"
    path = Path(source)
    if source in known_models() and not path.is_file():
        return None
    if builtin.is_file() and not path.is_file():
        return builtin
    if path.is_dir():
        raise UserError("is a directory, not a recipe", where=source, fix="give a YAML file")
    if not path.is_file():
        nearest = difflib.get_close_matches(source, builtin_recipes(), n=1)
        hint = f"did you mean {nearest[0]}?" if nearest else "`selfdistill recipes` lists the built-in ones"
        raise UserError("no such recipe file or built-in recipe", where=source, fix=hint)
    return path


def _nested(tree: dict[str, Any], path: Path) -> dict[str, Any]:
    """The tree with keys of dotted names, such as `model.path`, in their sections."""
    nested = {key: value for key, value in tree.items() if "." not in key}
    for key, value in tree.items():
        if "." in key:
            section, last = _section_of(nested, key, path)
            if last in section:
                raise UserError(f"{key} is given twice", where=path)
            section[last] = value
    return nested


def _overridden(tree: dict[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """A copy of the tree with the overrides applied, one after the other."""
    changed = deepcopy(tree)
    for override in overrides:
        key, separator, value = override.partition("=")
        if not separator or not key.strip():
            raise UserError(f"--set {override}", fix="write key=value, e.g. --set sampling.decoding.temperature=1.2")
        section, last = _section_of(changed, key.strip(), f"--set {override}")
        section[last] = read_value(value, f"--set {override}")
    return changed


def _section_of(tree: dict[str, Any], key: str, where: Path | str) -> tuple[dict[str, Any], str]:
    """The section that a dotted key is in, made where it is not there, and the key's own name."""
    *parents, last = key.split(".")
    if not all((*parents, last)):
        raise UserError(f"{key} is no name of a key", where=where, fix="one dot between a section and its key")
    section = tree
    for parent in parents:
        child = section.setdefault(parent, {})
        if not isinstance(child, dict):
            raise UserError(f"{key}: {parent} is a value, not a section", where=where)
        section = child
    return section, last


def _validate(tree: dict[str, Any], path: Path | str, lines: dict[str, int]) -> Recipe:
    try:
        return Recipe.model_validate(tree)
    except ValidationError as error:
        fault = _most_telling(error)
        key = _dotted(fault)
        line = next((lines[prefix] for prefix in _prefixes(key) if prefix in lines), None)
        where = f"{path}:{line}" if line else str(path)
        raise _fault(fault, key, where) from None


def _dotted(fault: Any) -> str:
    """The fault's key. Where several types are allowed, pydantic puts the one that it tried into the path."""
    *parents, last = fault["loc"] or ("",)
    kept = [part for part in parents if part != "" and "-" not in str(part)]
    kept += [last] if last not in _TRIED else []
    return ".".join(map(str, kept))


def _blamed(tree: dict[str, Any], overrides: Sequence[str], key: str) -> str:
    """The last override of the key, or of what it is a part of; else the last one before which all was well."""
    for override in reversed(overrides):
        own = override.partition("=")[0].strip()
        if own == key or key.startswith(f"{own}."):
            return override
    valid = [_is_valid(_overridden(tree, overrides[:count])) for count in range(len(overrides))]
    return overrides[len(valid) - 1 - valid[::-1].index(True)]


def _is_valid(tree: dict[str, Any]) -> bool:
    try:
        Recipe.model_validate(tree)
    except ValidationError:
        return False
    return True


def _most_telling(error: ValidationError) -> Any:
    """Unknown keys first: a misspelt key also shows as a missing one."""
    faults = error.errors()
    return next((fault for fault in faults if fault["type"] == "extra_forbidden"), faults[0])


def _fault(fault: Any, key: str, where: str) -> UserError:
    if fault["type"] == "extra_forbidden":
        last = str(fault["loc"][-1]) if fault["loc"] else ""  # it may hold a dot itself
        known = _known_keys(key.removesuffix(last).removesuffix(".").split("."))
        name, colon, value = last.partition(":")
        if colon and name in known:
            return UserError(f"unknown key {key}", where=where, fix=f"a space after the colon: {name}: {value}")
        nearest = difflib.get_close_matches(last, known, n=1, cutoff=0.5)
        hint = f"did you mean {nearest[0]}?" if nearest else f"known keys: {', '.join(known)}" if known else None
        return UserError(f"unknown key {key or repr(key)}", where=where, fix=hint)
    if fault["type"] == "missing":
        return UserError(f"{key} is missing", where=where, fix=f"set {key}")
    message, given = complaint(fault).removeprefix("must be "), fault["input"]
    if isinstance(given, dict) and fault["type"] in ("value_error", "unknown_rule"):  # a sentence on its keys
        return UserError(f"{key}: {message}" if key else message, where=where)
    if isinstance(given, date) and fault["type"] == "string_type":
        return UserError(f"{key} is a date to YAML, must be text", where=where, fix=f"put it in quotes: '{given}'")
    return UserError(f"{key} is {_shown(given)}, must be {message}", where=where)


def _shown(value: Any) -> str:
    """A value as YAML has it, or what kind of value it is."""
    if isinstance(value, dict):
        return "a section"
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _known_keys(parents: Sequence[str]) -> tuple[str, ...]:
    section: Any = Recipe
    for parent in filter(None, parents):
        if not is_section(section) or parent not in section.model_fields:  # inside a list or an unknown key
            return ()
        section = section.model_fields[parent].annotation
    return tuple(section.model_fields) if is_section(section) else ()


def _prefixes(key: str) -> Iterator[str]:
    parts = key.split(".")
    for end in range(len(parts), 0, -1):
        yield ".".join(parts[:end])


def _flatten(tree: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
