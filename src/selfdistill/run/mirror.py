"""A run on object storage: work happens in the local directory, and what a finished stage left is copied to a URL.

Stores know no appending, renaming or locking, on which a run directory rests; so whole files travel, and `mirror.json`,
written last, says which belong to the copy. A copy that broke off is not seen by anybody. One machine at a time: the
copy counts its generations, and a run that somebody else has continued is refused.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from selfdistill.directory import RunDirectory
from selfdistill.errors import UserError, first_line
from selfdistill.files import read_json, write_json
from selfdistill.processes import is_main_process
from selfdistill.recipe.load import changed_keys, parse_recipe
from selfdistill.recipe.schema import Recipe
from selfdistill.run.fingerprints import fingerprint_file
from selfdistill.run.manifest import read_manifest, require_format
from selfdistill.urls import filesystem

INDEX = "mirror.json"
LOCAL_INDEX = f".{INDEX}"
LEFT_OUT = "checkpoints"
"""Of training in progress; they are gone when the stage is finished."""


@dataclass(frozen=True, slots=True)
class Index:
    """What a copy holds."""

    url: str
    """Where it is."""
    run: str
    """When the run was begun, and its recipe's digest: two runs of one recipe are not mixed."""
    generation: int
    """Counts the copies made; 0 is none."""
    files: dict[str, str]
    """Fingerprint by path within the run."""


@dataclass(frozen=True, slots=True)
class Store:
    """A run's folder on a file system of fsspec's."""

    system: Any
    folder: str
    url: str

    @classmethod
    def of(cls, storage: str, directory: RunDirectory) -> Store:
        """The folder named like the run directory, under the recipe's `storage`."""
        url = f"{storage.rstrip('/')}/{directory.root.resolve().name}"
        return cls(*filesystem(url), url)

    def index(self) -> Index | None:
        """What the copy holds; None if there is no whole copy."""
        path = f"{self.folder}/{INDEX}"
        return Index(**json.loads(self.system.cat_file(path))) if self.system.exists(path) else None

    def get(self, name: str, target: Path) -> None:
        """Copy one file here."""
        target.parent.mkdir(parents=True, exist_ok=True)
        self.system.get_file(f"{self.folder}/{name}", str(target))

    def put(self, source: Path, name: str) -> None:
        """Copy one file there."""
        path = f"{self.folder}/{name}"
        self.system.makedirs(path.rpartition("/")[0], exist_ok=True)
        self.system.put_file(str(source), path)


def pull(recipe: Recipe, directory: RunDirectory) -> None:
    """Fetch the run that the recipe's storage holds, where there is none here; else make sure that it is the same.

    Raises:
        UserError: the store cannot be reached, holds another run, or another machine has continued this one.
    """
    if recipe.storage is None or not is_main_process():
        return
    store = Store.of(recipe.storage, directory)
    with _explained(store):
        there = store.index()
    if there is None:
        return
    if directory.manifest.is_file():
        _refuse_another(store, there, _local_index(store, directory))
        return
    with _explained(store):
        _refuse_changes(store, recipe)
        _fetch(store, there, directory)


def push(storage: str | None, directory: RunDirectory) -> None:
    """Copy what is new or changed to the recipe's storage; nothing if it names none.

    Raises:
        UserError: the store cannot be written to, or another machine has continued this run.
    """
    if storage is None or not is_main_process():
        return
    store = Store.of(storage, directory)
    here = _local_index(store, directory)
    files = {name: fingerprint_file(directory.root / name) for name in _files(directory.root)}
    with _explained(store):
        there = store.index()
        if there is not None:
            _refuse_another(store, there, here)
        changed = [name for name in files if here.files.get(name) != files[name]]
        if not changed and there is not None and there.generation == here.generation:
            return
        for name in changed:
            store.put(directory.root / name, name)
        made = Index(store.url, here.run, here.generation + 1, files)
        write_json(directory.root / LOCAL_INDEX, asdict(made))
        store.put(directory.root / LOCAL_INDEX, INDEX)


def _files(root: Path) -> Iterator[str]:
    for parent, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if name != LEFT_OUT and not name.startswith("."))
        for name in sorted(names):
            if not name.startswith("."):
                yield (Path(parent) / name).relative_to(root).as_posix()


def _local_index(store: Store, directory: RunDirectory) -> Index:
    """What this directory has last copied there, or fetched."""
    manifest = read_manifest(directory)
    run = f"{manifest['created']} {manifest['digest']}"
    path = directory.root / LOCAL_INDEX
    known = Index(**read_json(path)) if path.is_file() else None
    return known if known and (known.url, known.run) == (store.url, run) else Index(store.url, run, 0, {})


def _fetch(store: Store, index: Index, directory: RunDirectory) -> None:
    """Whole or not at all: beside the directory, then renamed."""
    if directory.root.is_dir() and any(directory.root.iterdir()):
        return  # open_manifest says what is wrong with it
    partial = directory.root.with_name(f".{directory.root.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    for name in index.files:
        store.get(name, partial / name)
    write_json(partial / LOCAL_INDEX, asdict(index))
    partial.replace(directory.root)


def _refuse_another(store: Store, there: Index, here: Index) -> None:
    if there.run != here.run:
        raise UserError(
            f"{store.url} holds another run, begun {there.run.partition(' ')[0]}", where="storage", fix="rename --out"
        )
    if there.generation > here.generation:
        raise UserError(
            f"another machine has continued this run: {store.url} is ahead of this directory",
            where="storage",
            fix="move this directory away, and the same command fetches the other's",
        )


def _refuse_changes(store: Store, recipe: Recipe) -> None:
    manifest = json.loads(store.system.cat_file(f"{store.folder}/manifest.json"))
    require_format(manifest, store.url)
    changed = changed_keys(parse_recipe(manifest["recipe"], store.url), recipe)
    if changed:
        raise UserError(f"{store.url} holds a run of another recipe; changed: {', '.join(changed)}", where="storage")


@contextmanager
def _explained(store: Store) -> Iterator[None]:
    """Every store's package has errors of its own; the user gets one line, and the same command continues later."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        gist = first_line(error)
        raise UserError(
            f"{store.url} cannot be used: {gist}", where="storage", fix="run it again to continue"
        ) from error
