"""What a stage has loaded serves all that follows in it, and a GPU never holds two things where one would do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from selfdistill.engines import shared, transformers
from selfdistill.engines.on_demand import on_demand
from selfdistill.engines.shared import kept_loaded, shared_model
from selfdistill.models.load import load_model
from selfdistill.models.tokenizers import load_tokenizer, read_tokenizer
from selfdistill.recipe.engine import EngineSettings
from selfdistill.recipe.model import ModelSettings
from tiny_models import make_model


@pytest.fixture
def model(tmp_path) -> ModelSettings:
    return ModelSettings(path=str(make_model(tmp_path / "base")), device="cpu")


@pytest.fixture
def loads(monkeypatch) -> list[str]:
    made: list[str] = []

    def counted(settings, path=None, **how):
        made.append(path or settings.path)
        return load_model(settings, path, **how)

    for user in (shared, transformers):
        monkeypatch.setattr(user, "load_model", counted)
    return made


def test_an_engine_outlives_its_first_user_only_in_the_block(model, loads):
    engine = EngineSettings(kind="transformers")
    for _ in range(2):
        with on_demand(model, engine) as load:
            load()
    assert len(loads) == 2
    with kept_loaded():
        found = []
        for _ in range(2):
            with on_demand(model, engine) as load, kept_loaded():  # a block within a block changes nothing
                found.append(load())
        assert found[0] is found[1]
        assert shared_model(model) is found[0].model
    assert len(loads) == 3
    assert shared_model(model) is not found[0].model


def test_other_settings_or_weights_are_other_engines(model, loads, tmp_path):
    student = str(make_model(tmp_path / "student"))
    with kept_loaded():
        for size, path, ends in ((4, None, ()), (8, None, ()), (4, student, ()), (4, None, (7,)), (4, None, ())):
            with on_demand(model, EngineSettings(kind="transformers", batch_size=size), path, ends=ends) as load:
                load()
        base, other = shared_model(model), shared_model(model, student)
        assert base is not other
        assert shared_model(model.model_copy(update={"dtype": "bfloat16"})) is not base
    assert loads == [model.path, model.path, student, model.path, model.path]


def test_on_a_gpu_one_makes_room_for_the_next(model, monkeypatch):
    monkeypatch.setattr(shared, "_on_gpu", lambda settings: True)
    closed = []

    class Engine:
        def __init__(self, name: str) -> None:
            self.name = name

        def close(self) -> None:
            closed.append(self.name)

    def take(name: str, path: str | None) -> Engine:
        return shared.shared_engine(model, EngineSettings(kind="vllm"), path, (), lambda: Engine(name))

    with kept_loaded():
        base = take("base", None)
        assert take("again", None) is base
        assert closed == []
        take("student", "student")
        assert closed == ["base"]
        assert take("base, anew", None) is not base
        assert closed == ["base", "student"]
        shared_model(model)
        assert closed == ["base", "student", "base, anew"]


def test_a_tokenizer_is_read_once_until_its_files_change(model):
    read = read_tokenizer
    first = read(model.path)
    assert read(model.path) is first
    assert load_tokenizer(model.path) is not first  # for those who change it
    settings = Path(model.path) / "tokenizer_config.json"
    settings.write_text(json.dumps({**json.loads(settings.read_text()), "model_max_length": 77}))
    assert read(model.path).model_max_length == 77
