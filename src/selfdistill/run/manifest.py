"""The manifest: what made this run. Resolved recipe, versions, machine, fingerprints of model and data, time of stages.

It holds the digests of the run's files (`integrity.py`), and `checksum`, its own. Whether a recipe is the run's is
told by `own_recipe.py`.
"""

from __future__ import annotations

from pathlib import Path
from typing import cast

from selfdistill.directory import RunDirectory
from selfdistill.errors import UserError
from selfdistill.files import as_json, checksum, read_json, write_json
from selfdistill.processes import is_main_process
from selfdistill.run.recorded import Manifest

FORMAT = 2
"""Of a run directory: what its files are called, and the keys of its recipe."""
_RESTORE = "restore it from a copy, or choose another --out"


def require_format(manifest: Manifest, where: Path | str) -> None:
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


def read_manifest(directory: RunDirectory) -> Manifest:
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
    return cast(Manifest, manifest)


def update_manifest(directory: RunDirectory, key: str, value: object) -> None:
    """Set one top-level key; of processes that train together, only the main one does."""
    if not is_main_process():
        return
    write_manifest(directory, {**read_manifest(directory), key: value})  # type: ignore[misc]


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


def write_manifest(directory: RunDirectory, manifest: Manifest) -> None:
    """Write it whole, with its checksum."""
    plain = as_json(manifest)
    write_json(directory.manifest, {**plain, "checksum": checksum(plain)})
