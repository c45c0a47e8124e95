"""What is tried: families of decodings, each with a few settings, from a YAML file; families.yaml is built in."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from pathlib import Path

import yaml
from pydantic import TypeAdapter, ValidationError

from selfdistill.errors import UserError
from selfdistill.recipe.decoding import Stages, split_syntax
from selfdistill.recipe.section import complaint

Grid = Mapping[str, tuple[Stages, ...]]
"""Family -> its settings."""

PLAIN = "plain"
"""The family that the others are compared with: temperature, top-k and top-p."""
_GRID: TypeAdapter[dict[str, tuple[Stages, ...]]] = TypeAdapter(dict[str, tuple[Stages, ...]])


def read_grid(path: Path | None = None) -> Grid:
    """The families of a file, or the built-in ones.

    Raises:
        UserError: no such file, broken YAML, a setting out of range, no family `plain`, or an empty family.
    """
    source = path or Path(str(resources.files("selfdistill.decoding") / "families.yaml"))
    try:
        grid = _GRID.validate_python(yaml.safe_load(source.read_text(encoding="utf-8")))
    except OSError as error:
        raise UserError(f"cannot be read: {error.strerror}", where=source) from None
    except yaml.YAMLError as error:
        raise UserError(f"broken YAML: {error}", where=source) from None
    except ValidationError as error:
        fault = error.errors()[0]
        key = ".".join(map(str, fault["loc"]))
        raise UserError(f"{key}: {complaint(fault)}".removeprefix(": "), where=source) from None
    if PLAIN not in grid:
        raise UserError(f"has no family {PLAIN}, with which the others are compared", where=source)
    empty = next((family for family, settings in grid.items() if not settings), None)
    if empty:
        raise UserError(f"family {empty} has no settings", where=source)
    return grid


def without_syntax(grid: Grid) -> Grid:
    """The families that do not constrain syntax: all that suits a model that answers in prose."""
    return {
        family: settings for family, settings in grid.items() if not any(split_syntax(stages)[0] for stages in settings)
    }
