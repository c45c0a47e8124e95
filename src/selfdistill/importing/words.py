"""Command lines and YAML files of other programs as plain settings: name to value."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from selfdistill.errors import UserError


def settings_of(words: Sequence[str]) -> dict[str, Any]:
    """The arguments of a script, `--name value` and `--name=value`, over those of its `--config` file.

    What stands before the first one (`accelerate launch ssd.py`) is left out; a flag without a value is true; several
    values are a list.

    Raises:
        UserError: the configuration file cannot be read.
    """
    given: dict[str, Any] = {}
    name: str | None = None
    for word in words:
        if word.startswith("--"):
            name, equals, value = word[2:].partition("=")
            name = name.replace("-", "_")
            given[name] = [value] if equals else []
        elif name is not None:
            given[name].append(word)
    plain = {key: _value(values) for key, values in given.items()}
    plain |= {key[3:]: False for key, value in plain.items() if key.startswith("no_") and value is True}
    config = plain.pop("config", None)
    return {**(read_yaml(Path(config)) if config else {}), **plain}


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML file of settings.

    Raises:
        UserError: it is not there, or is no mapping.
    """
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"cannot be read: {error.strerror}", where=path) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"broken YAML: {' '.join(str(error).split())[:120]}", where=path) from error
    if not isinstance(tree, Mapping):
        raise UserError("not settings: a mapping of names to values is expected", where=path)
    return {str(key): _number(value) for key, value in tree.items()}


def split(words: Sequence[str]) -> list[str]:
    """Words as a shell would have them, where a whole command line was quoted as one."""
    return [part for word in words for part in (shlex.split(word) if " --" in word else [word])]


def _value(values: Sequence[str]) -> Any:
    if not values:
        return True
    parsed = [_number(_parsed(value)) for value in values]
    return parsed[0] if len(parsed) == 1 else parsed


def _parsed(text: str) -> Any:
    if text.startswith(("{", "[")):
        try:
            return json.loads(text)
        except json.JSONDecodeError:
            return text
    if text.lower() in ("true", "false", "none", "null"):
        return {"true": True, "false": False}.get(text.lower())
    return text


def _number(value: Any) -> Any:
    """YAML takes 5e-6 for a text."""
    if not isinstance(value, str):
        return value
    for kind in (int, float):
        try:
            return kind(value)
        except ValueError:
            continue
    return value
