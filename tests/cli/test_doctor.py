"""`selfdistill doctor`: what it says can be typed as it stands."""

from __future__ import annotations

import tomllib
from importlib import util
from pathlib import Path

from typer.testing import CliRunner

from selfdistill.cli import doctor
from selfdistill.cli.app import app


def test_what_is_missing_comes_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(util, "find_spec", lambda name: None)
    said = CliRunner().invoke(app, ["doctor"])
    assert said.exit_code == 0
    for extra, purpose in doctor.EXTRAS.values():
        assert f"{purpose}: pip install 'selfdistill[{extra}]'" in said.stdout


def test_every_extra_that_it_names_exists():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert {extra for extra, _ in doctor.EXTRAS.values()} <= set(project["optional-dependencies"])
