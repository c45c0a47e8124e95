"""From the text of a YAML file to its tree of keys and values, and the line of each key.

Only what a recipe can mean is let through: every key once, keys that are names, no anchor inside itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from selfdistill.errors import UserError

DEEPEST = 20
"""Levels of nesting; a recipe has five."""
LONGEST = 100_000
"""Nodes after anchors are followed: a few lines can stand for billions."""


def read_yaml(path: Path, what: str = "a recipe") -> tuple[dict[str, Any], dict[str, int]]:
    """The mapping in a file, and the line of each dotted key; `what` it is, for messages.

    Raises:
        UserError: the file cannot be read, is not UTF-8, or is no YAML mapping of names to values; names the line.
    """
    try:
        return parse_yaml(path.read_bytes().decode("utf-8-sig"), path, what)
    except OSError as error:
        raise UserError(f"cannot be read: {error.strerror}", where=path) from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise UserError("is not UTF-8", where=f"{path}:{line}", fix="save it as UTF-8") from None


def parse_yaml(text: str, path: Path, what: str = "a recipe") -> tuple[dict[str, Any], dict[str, int]]:
    """As `read_yaml`, of a text; the path is for messages."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        if not isinstance(root, yaml.MappingNode):
            raise UserError(f"{what} is a mapping of keys to values", where=path)
        lines = dict(_keys(root, lambda node: f"{path}:{node.start_mark.line + 1}", path))
        return yaml.safe_load(text), lines
    except yaml.MarkedYAMLError as error:
        where = f"{path}:{error.problem_mark.line + 1}" if error.problem_mark else path
        raise UserError(f"broken YAML: {error.problem}", where=where) from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise UserError(f"broken YAML: {error}", where=path) from None


def read_value(text: str, where: str) -> Any:
    """A value of a key. What is no YAML is text, as it stands.

    Raises:
        UserError: a key is in it twice, an anchor stands inside itself, or what else `read_yaml` refuses.
    """
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        if isinstance(root, yaml.CollectionNode):
            _ = list(_keys(root, lambda _: where, where))
        return yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError):
        return text


def _keys(root: yaml.Node, place: Callable[[yaml.Node], str], whole: Path | str) -> Iterator[tuple[str, int]]:
    """Each dotted key with its line; faults are at the `place` of a node, or in the `whole`."""
    waiting: list[tuple[yaml.Node, str, tuple[int, ...]]] = [(root, "", ())]
    for _ in range(LONGEST):
        if not waiting:
            return
        node, prefix, above = waiting.pop()
        if id(node) in above or len(above) > DEEPEST:
            raise UserError(
                "an anchor stands inside itself" if id(node) in above else "is nested too deeply",
                where=place(node),
            )
        inside = (*above, id(node))
        if node.tag == "tag:yaml.org,2002:timestamp":
            _check_date(node, place(node))
        elif isinstance(node, yaml.SequenceNode):
            waiting += [(child, f"{prefix}{index}.", inside) for index, child in enumerate(node.value)]
        elif isinstance(node, yaml.MappingNode):
            seen: dict[str, int] = {}
            for key_node, value_node in node.value:
                line = key_node.start_mark.line + 1
                if key_node.tag == "tag:yaml.org,2002:merge":
                    waiting.append((value_node, prefix, inside))
                    continue
                if key_node.tag != "tag:yaml.org,2002:str":
                    shown = getattr(key_node, "value", "?")
                    raise UserError(f"{shown!r} is no name of a key", where=place(key_node), fix="keys are words")
                if key_node.value in seen:
                    raise UserError(
                        f"{prefix}{key_node.value} is there twice, first in line {seen[key_node.value]}",
                        where=place(key_node),
                        fix="keep one of them",
                    )
                seen[key_node.value] = line
                yield f"{prefix}{key_node.value}", line
                waiting.append((value_node, f"{prefix}{key_node.value}.", inside))
    raise UserError("is far too long for a recipe", where=whole, fix="leave out anchors that repeat each other")


def _check_date(node: yaml.Node, where: str) -> None:
    try:
        year, month, day = node.value.partition("T")[0].split()[0].split("-")
        date(int(year), int(month), int(day))
    except ValueError as error:
        raise UserError(f"{node.value} is no date: {error}", where=where) from None
