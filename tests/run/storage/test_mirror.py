"""A run's copy on object storage: whole, fetched by a machine that has nothing, and never mixed with another run's."""

from __future__ import annotations

import shutil
from pathlib import Path

import fsspec
import pytest

import selfdistill
from run.small import SMALL, results, run, run_command
from selfdistill.directory import RunDirectory
from selfdistill.errors import UserError
from selfdistill.recipe import load_recipe
from selfdistill.run import mirror, start
from selfdistill.run.manifest import update_manifest
from selfdistill.run.sampling import sample

FEW = (*SMALL, "prompts.limit=16", "evaluation.grid.temperatures=[1.0]")


@pytest.fixture
def storage(tmp_path) -> str:
    return f"memory://{tmp_path.name}/bucket"


def copied(storage: str, name: str) -> set[str]:
    system, folder = fsspec.url_to_fs(f"{storage}/{name}")
    return {path.removeprefix(f"{folder}/") for path in system.find(folder)}


def begun(storage: str, out: Path, *overrides: str):
    recipe = load_recipe("demo", [*FEW, f"storage={storage}", *overrides])
    directory = start.begin(recipe, out)
    return recipe, directory


def test_a_stage_is_copied_and_a_new_machine_fetches_it(tmp_path, storage):
    recipe, first = begun(storage, tmp_path / "one" / "run")
    sample(recipe, first)
    names = copied(storage, "run")
    assert {"manifest.json", "prompts.jsonl", "samples.jsonl", "targets/000000.safetensors"} < names
    assert not any(Path(name).name.startswith(".") for name in names)
    _, second = begun(storage, tmp_path / "two" / "run")
    for name in sorted(names - {mirror.INDEX}):
        assert (second.root / name).read_bytes() == (first.root / name).read_bytes()
    before = second.samples.stat().st_mtime_ns
    sample(recipe, second)
    assert second.samples.stat().st_mtime_ns == before, "nothing was left to do"


def test_only_what_changed_travels(tmp_path, storage, monkeypatch):
    recipe, directory = begun(storage, tmp_path / "run")
    sample(recipe, directory)
    sent: list[str] = []
    put = mirror.Store.put
    monkeypatch.setattr(mirror.Store, "put", lambda store, source, name: (sent.append(name), put(store, source, name)))
    mirror.push(recipe.storage, directory)
    assert sent == []
    (directory.root / "note.txt").write_text("by hand")
    mirror.push(recipe.storage, directory)
    assert sent == ["note.txt", mirror.INDEX]


def test_a_copy_that_broke_off_is_not_seen_and_made_good(tmp_path, storage, monkeypatch):
    recipe, directory = begun(storage, tmp_path / "one" / "run")
    put = mirror.Store.put

    def unplugged(store, source, name):
        if name == mirror.INDEX:
            raise ConnectionError("the cable is out\nof the wall")
        put(store, source, name)

    monkeypatch.setattr(mirror.Store, "put", unplugged)
    with pytest.raises(UserError, match=r"cannot be used: the cable is out \(run it again to continue\)"):
        sample(recipe, directory)
    monkeypatch.setattr(mirror.Store, "put", put)
    assert mirror.Store.of(storage, directory).index() is None
    mirror.push(recipe.storage, directory)
    _, second = begun(storage, tmp_path / "two" / "run")
    assert second.samples.read_bytes() == directory.samples.read_bytes()


def test_other_runs_are_refused_before_anything_is_written(tmp_path, storage):
    recipe, directory = begun(storage, tmp_path / "one" / "run")
    mirror.push(recipe.storage, directory)
    with pytest.raises(UserError, match=r"another recipe; changed: seed"):
        begun(storage, tmp_path / "two" / "run", "seed=5")
    assert not (tmp_path / "two" / "run").exists()
    elsewhere = start.begin(load_recipe("demo", [*FEW]), tmp_path / "three" / "run")
    update_manifest(elsewhere, "created", "2001-01-01T00:00:00+00:00")
    with pytest.raises(UserError, match="holds another run, begun"):
        begun(storage, elsewhere.root)


def test_two_machines_cannot_go_on_with_one_run(tmp_path, storage):
    recipe, first = begun(storage, tmp_path / "one" / "run")
    mirror.push(recipe.storage, first)
    _, second = begun(storage, tmp_path / "two" / "run")
    sample(recipe, second)
    for go_on in (lambda: mirror.push(recipe.storage, first), lambda: begun(storage, first.root)):
        with pytest.raises(UserError, match="another machine has continued this run"):
            go_on()


def test_a_store_that_is_not_there_is_one_line(tmp_path):
    with pytest.raises(UserError, match="Protocol not known: nonsense"):
        begun("nonsense://bucket", tmp_path / "run")


@pytest.mark.slow
def test_a_machine_lost_after_every_stage_changes_no_result(tmp_path):
    """The run directory is deleted between stages, as when each ran on a machine of its own."""
    whole = tmp_path / "whole"
    assert run(run_command(whole)).returncode == 0
    storage = f"file://{tmp_path}/bucket"
    overrides = [*SMALL, f"storage={storage}"]
    out = tmp_path / "run"
    for stage in ("sample", "train", "evaluate"):
        recipe = load_recipe("demo", overrides)
        directory = start.begin(recipe, out)
        getattr(selfdistill, stage)(recipe, directory)
        shutil.rmtree(out)
    done = run(run_command(out, f"storage={storage}"))
    assert done.returncode == 0, done.stderr
    assert results(out) == results(whole)
    copy = tmp_path / "bucket" / "run"
    for path in RunDirectory(out).root.rglob("*"):
        if path.is_file() and not path.name.startswith("."):
            assert (copy / path.relative_to(out)).read_bytes() == path.read_bytes()
