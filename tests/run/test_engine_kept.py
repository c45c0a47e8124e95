"""`engine.kind: auto` is settled once a run: what was chosen is written, and kept wherever the run continues."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from selfdistill.directory import RunDirectory
from selfdistill.engines.choose import Choice
from selfdistill.errors import UserError
from selfdistill.files import read_json
from selfdistill.recipe import load_recipe
from selfdistill.run import engine as module
from selfdistill.run import pipeline as loop
from selfdistill.run.engine import settled
from selfdistill.run.own_recipe import open_manifest

AUTO = load_recipe("demo", ["prompts.limit=8"])


@pytest.fixture
def directory(tmp_path) -> RunDirectory:
    made = RunDirectory(tmp_path / "run")
    open_manifest(made, AUTO)
    return made


def chosen(monkeypatch, kind: str) -> None:
    monkeypatch.setattr(module, "choose", lambda *_, **__: Choice(kind, "this machine is like that"))  # type: ignore[arg-type]


def test_the_choice_is_said_and_written_once_and_outlives_the_machine(directory, monkeypatch, capsys):
    chosen(monkeypatch, "vllm")
    assert settled(AUTO, directory).engine.kind == "vllm"
    assert capsys.readouterr().err == "engine: vllm, as this machine is like that\n"
    assert read_json(directory.manifest)["engine"] == {"kind": "vllm", "why": "this machine is like that"}
    chosen(monkeypatch, "transformers")
    assert settled(AUTO, directory) == AUTO.model_copy(
        update={"engine": AUTO.engine.model_copy(update={"kind": "vllm"})}
    )
    assert capsys.readouterr().err == ""


def test_soft_targets_are_asked_for_only_where_they_are_sampled(directory, monkeypatch):
    asked = []
    monkeypatch.setattr(module, "choose", lambda *_, soft=None, **__: asked.append(soft) or Choice("transformers", ""))
    settled(load_recipe("demo", ["training.targets=soft"]), directory)
    assert asked == [AUTO.sampling.decoding]
    (directory.manifest.parent / "other").mkdir()
    other = RunDirectory(directory.root / "other")
    hard = load_recipe("demo", ["training.targets=hard"])
    open_manifest(other, hard)
    settled(hard, other)
    assert asked[1:] == [None]


def test_naming_what_was_chosen_is_no_change_and_another_engine_is(directory, monkeypatch):
    chosen(monkeypatch, "transformers")
    settled(AUTO, directory)
    open_manifest(directory, load_recipe("demo", ["prompts.limit=8", "engine.kind=transformers"]))
    open_manifest(directory, AUTO)
    with pytest.raises(UserError, match=r"changed: engine\.kind"):
        open_manifest(directory, load_recipe("demo", ["prompts.limit=8", "engine.kind=vllm"]))


def test_a_run_that_named_its_engine_goes_on_with_it_under_auto(tmp_path):
    directory = RunDirectory(tmp_path / "run")
    open_manifest(directory, load_recipe("demo", ["prompts.limit=8", "engine.kind=transformers"]))
    open_manifest(directory, AUTO)
    assert settled(AUTO, directory).engine.kind == "transformers"


def test_where_the_recorded_engine_is_not_to_be_had_the_run_stops_at_once(tmp_path, monkeypatch):
    if find_spec("vllm"):
        pytest.skip("vLLM is installed here")
    chosen(monkeypatch, "vllm")
    with pytest.raises(UserError, match=r"vLLM is not installed here \(run: pip install .* engine\.kind: transformers"):
        loop.run_recipe(AUTO, tmp_path / "run")
    assert not (tmp_path / "run" / "samples.jsonl").exists()
