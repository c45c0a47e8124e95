"""What docs/adding.md promises: an engine, a benchmark's format, a figure, a training target or a study is one file and
one line in a table. Each test adds the line, with a dummy in tests/adding as the file, and uses it as a user does."""

from __future__ import annotations

import pytest

from selfdistill.engines.load import engine_for
from selfdistill.errors import UserError
from selfdistill.files import read_json, read_records
from selfdistill.recipe import load_recipe
from selfdistill.recipe.decoding import Decoding
from selfdistill.recipe.engine import ENGINES, EngineKind, EngineSettings
from selfdistill.records import Sample
from selfdistill.run import stages
from tests.adding import parrot


def test_an_engine(monkeypatch, tmp_path):
    with pytest.raises(UserError, match="must be 'auto', 'transformers', 'vllm' or 'openai'"):
        load_recipe("demo", ["engine.kind=parrot"])
    monkeypatch.setitem(ENGINES, "parrot", EngineKind("tests.adding.parrot"))
    recipe = load_recipe("demo", ["engine.kind=parrot", "training.targets=hard", "prompts.limit=3"])
    directory = stages.begin(recipe, tmp_path / "run")
    stages.sample(recipe, directory)
    assert [sample.text for sample in read_records(directory.samples, Sample)] == [parrot.SAID] * 3
    assert read_json(directory.manifest)["stages"]["sample"]["engine"] == "parrot"
    two_stages = (Decoding(temperature=0.7), Decoding(temperature=1))
    assert engine_for(EngineSettings(kind="parrot"), two_stages).kind == "transformers"
