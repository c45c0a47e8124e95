"""`--log json`: every line on stderr is one JSON object, and the stages and steps of the run are all there."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from run.small import command, run, run_command
from selfdistill import progress as progress_module
from selfdistill.cli.app import app
from selfdistill.events import VARIABLE, emit, json_log
from selfdistill.files import read_json
from selfdistill.progress import progress


def events_of(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines()]


def test_nothing_is_written_unless_it_is_asked_for(monkeypatch, capsys):
    monkeypatch.delenv(VARIABLE, raising=False)
    emit("made")
    assert not json_log()
    assert capsys.readouterr().err == ""


def test_an_event_is_one_object_with_its_time(monkeypatch, capsys):
    monkeypatch.setenv(VARIABLE, "json")
    emit("made", words="one\ntwo", path=progress_module)
    (event,) = events_of(capsys.readouterr().err)
    assert event["event"] == "made"
    assert event["words"] == "one\ntwo"
    assert event["time"].endswith("+00:00")


def test_progress_counts(monkeypatch, capsys):
    monkeypatch.setenv(VARIABLE, "json")
    monkeypatch.setattr(progress_module, "LINE_EVERY", 0.0)
    with progress("sampling", 3, "samples") as update:
        update(items=1, tokens=10)
        update(items=2, tokens=5)
    first, last = events_of(capsys.readouterr().err)
    assert (first["items"], first["tokens"], first["total"]) == (1, 10, 3)
    assert (last["items"], last["tokens"], last["unit"], last["title"]) == (3, 15, "samples", "sampling")


def test_the_option_is_checked(monkeypatch):
    monkeypatch.setenv(VARIABLE, "text")
    assert "'xml' is not one of" in str(CliRunner().invoke(app, ["--log", "xml", "recipes"]).exception)
    assert CliRunner().invoke(app, ["--log", "json", "recipes", "demo"]).exit_code == 0


@pytest.mark.slow
def test_a_whole_run_speaks_json(tmp_path):
    out = tmp_path / "out"
    program, module, name, *arguments = run_command(out, "evaluation.grid.temperatures=[1.0]")
    done = run([program, module, name, "--log", "json", *arguments])
    assert done.returncode == 0, done.stderr
    events = events_of(done.stderr)
    finished = {event["stage"]: event for event in events if event["event"] == "stage finished"}
    stages = read_json(out / "manifest.json")["stages"]
    assert finished.keys() == stages.keys()
    assert finished["sample"]["tokens"] == stages["sample"]["tokens"]
    log = [json.loads(line) for line in (out / "training-log.jsonl").read_text().splitlines()]
    steps = [event for event in events if event["event"] == "training step"]
    assert [(step["step"], step["loss"]) for step in steps] == [(line["step"], line["loss"]) for line in log]
    assert {event["event"] for event in events} >= {"stage started", "progress", "report written"}


@pytest.mark.slow
def test_a_mistake_is_an_event_too(tmp_path):
    program, module, name, *arguments = command("run", "demmo", "--out", str(tmp_path / "out"))
    done = run([program, module, name, "--log", "json", *arguments])
    assert done.returncode == 2
    (event,) = events_of(done.stderr)
    assert event["event"] == "error"
    assert "did you mean demo?" in event["message"]
