"""A run directory of another layout is refused by its version, in one line, before its recipe is read."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from selfdistill.cli.app import app
from selfdistill.directory import RunDirectory
from selfdistill.errors import UserError
from selfdistill.recipe import load_recipe
from selfdistill.run.manifest import FORMAT
from selfdistill.run.own_recipe import open_manifest

RECIPE = load_recipe("demo", ["prompts.limit=8"])


@pytest.mark.parametrize("command", ["run", "train", "report", "explain"])
def test_an_older_run_is_refused_by_its_version(tmp_path, command):
    directory = RunDirectory(tmp_path / "run")
    open_manifest(directory, RECIPE)
    manifest = json.loads(directory.manifest.read_text())
    del manifest["checksum"]  # which older versions did not write
    manifest["recipe"]["checks"] = {"a key": "of old"}
    manifest |= {"format": FORMAT - 1, "versions": {"selfdistill": "0.0.9"}}
    directory.manifest.write_text(json.dumps(manifest))
    said = f"run: is a run of format {FORMAT - 1}, made by selfdistill 0.0.9; this version has format {FORMAT} "
    with pytest.raises(UserError, match="choose another --out, or continue with the version") as caught:
        _go_on(command, directory)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def _go_on(command: str, directory: RunDirectory) -> None:
    if command == "run":
        open_manifest(directory, RECIPE)
    else:
        CliRunner().invoke(app, [command, str(directory.root)], catch_exceptions=False)
