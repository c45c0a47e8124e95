"""`model.dtype: auto` on a CPU is settled once a run, by the checkpoint and by how fast this CPU is in bfloat16."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from engines.architectures import tiny_model
from selfdistill.directory import RunDirectory
from selfdistill.engines import choose, precision
from selfdistill.files import read_json
from selfdistill.models.load import load_model
from selfdistill.recipe import Recipe, load_recipe
from selfdistill.run.engine import settled
from selfdistill.run.own_recipe import open_manifest
from tiny_models import make_tokenizer


def recipe_of(path: Path, *overrides: str) -> Recipe:
    named = [f"model.path={path}", "model.device=cpu", "model.dtype=auto", "engine.kind=transformers"]
    return load_recipe("demo", [*named, *overrides])


@pytest.fixture
def checkpoint(tmp_path, monkeypatch) -> Path:
    """In bfloat16, and counted as large."""
    monkeypatch.setattr(choose, "SMALL", 0)
    path = tmp_path / "model"
    make_tokenizer(chat=False).save_pretrained(path)
    tiny_model("llama", vocab_size=261).to(torch.bfloat16).save_pretrained(path)
    return path


def dtype_of(recipe: Recipe, root: Path) -> str:
    directory = RunDirectory(root)
    open_manifest(directory, recipe)
    return settled(recipe, directory).model.dtype


def test_where_this_cpu_is_faster_in_it_a_run_takes_bfloat16_and_keeps_it(checkpoint, tmp_path, monkeypatch, capsys):
    recipe, root = recipe_of(checkpoint), tmp_path / "run"
    monkeypatch.setattr(precision, "speed_of_bfloat16", lambda: 2.6)
    assert dtype_of(recipe, root) == "bfloat16"
    said = capsys.readouterr().err
    assert said == "model.dtype: bfloat16, as this CPU multiplies it 2.6 times as fast as float32\n"
    monkeypatch.setattr(precision, "speed_of_bfloat16", lambda: 0.2)
    assert dtype_of(recipe, root) == "bfloat16", "on another machine too"
    assert read_json(RunDirectory(root).manifest)["dtype"]["dtype"] == "bfloat16"
    assert capsys.readouterr().err == ""
    assert load_model(settled(recipe, RunDirectory(root)).model).dtype == torch.bfloat16
    assert dtype_of(recipe, tmp_path / "another") == "float32"


def test_what_a_recipe_names_stays(checkpoint, tmp_path, monkeypatch):
    monkeypatch.setattr(precision, "speed_of_bfloat16", lambda: 2.6)
    assert dtype_of(recipe_of(checkpoint, "model.dtype=float32"), tmp_path / "run") == "float32"
    assert "dtype" not in read_json(RunDirectory(tmp_path / "run").manifest)


def test_a_checkpoint_in_float32_and_a_small_one_stay_in_float32(checkpoint, tmp_path, monkeypatch):
    monkeypatch.setattr(precision, "speed_of_bfloat16", lambda: 2.6)
    whole = tmp_path / "whole"
    make_tokenizer(chat=False).save_pretrained(whole)
    tiny_model("llama", vocab_size=261).save_pretrained(whole)
    assert dtype_of(recipe_of(whole), tmp_path / "run") == "float32"
    monkeypatch.setattr(choose, "SMALL", 2**30)
    assert dtype_of(recipe_of(checkpoint), tmp_path / "small") == "float32"


def test_the_speeds_are_those_of_products():
    """Between a hundred times slower, as where bfloat16 is emulated, and the widest units' sixteen times faster."""
    assert 0.01 < precision.speed_of_bfloat16() < 32
