"""A model directory's own code is never run, and nobody is asked whether it may."""

from __future__ import annotations

import ast
import builtins
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import selfdistill
from selfdistill.errors import UserError
from selfdistill.models.configs import load_config
from selfdistill.models.load import empty_model, load_model
from selfdistill.models.tokenizers import load_tokenizer
from selfdistill.recipe.model import ModelSettings
from tiny_models import make_model

RUNS_NO_CODE = {"GenerationConfig", "PeftModel"}
"""Loaders without the argument: they read JSON, and weights into a model that is there."""


@pytest.fixture
def model(tmp_path, monkeypatch) -> Iterator[Path]:
    """A directory with a Python file that is not to run, and a user who says yes and is not to be asked."""
    asked: list[object] = []
    monkeypatch.setattr(builtins, "input", lambda *question: asked.append(question) or "y")
    directory = make_model(tmp_path / "model", chat=True)
    (directory / "own.py").write_text(f"open({str(tmp_path / 'RAN')!r}, 'w').close()\n")
    yield directory
    assert not asked
    assert not (tmp_path / "RAN").exists()


def own_code(file: Path, **changes: object) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


def of_unknown_type(model: Path) -> None:
    auto = {"AutoConfig": "own.Config", "AutoModelForCausalLM": "own.Model"}
    own_code(model / "config.json", model_type="own", auto_map=auto)


def test_a_configuration_with_code_is_one_line_and_the_code_does_not_run(model):
    of_unknown_type(model)
    with pytest.raises(UserError, match="cannot load the model's configuration: it needs Python code of its own"):
        load_config(str(model))
    with pytest.raises(UserError, match="cannot load the model: it needs Python code of its own, which is never run"):
        load_model(ModelSettings(path=str(model), device="cpu"))


def test_a_tokenizer_with_code_is_one_line_and_the_code_does_not_run(model):
    own_code(
        model / "tokenizer_config.json",
        tokenizer_class="OwnTokenizer",
        auto_map={"AutoTokenizer": ["own.Tokenizer", "own.Tokenizer"]},
    )
    with pytest.raises(UserError, match="cannot load the tokenizer: it needs Python code of its own"):
        load_tokenizer(str(model))


def test_an_empty_model_for_counting_runs_no_code(model):
    """A known configuration whose causal language model would be the directory's own."""
    own_code(model / "config.json", model_type="vit", auto_map={"AutoModelForCausalLM": "own.Model"})
    with pytest.raises(UserError, match="cannot load the model: "):
        empty_model(load_config(str(model)), str(model))


def test_code_beside_a_model_that_transformers_knows_is_not_needed(model):
    own_code(model / "config.json", auto_map={"AutoConfig": "own.Config", "AutoModelForCausalLM": "own.Model"})
    assert type(load_model(ModelSettings(path=str(model), device="cpu"))).__name__ == "LlamaForCausalLM"


def test_no_call_in_the_package_leaves_the_answer_to_transformers():
    calls = [
        (path.name, node)
        for path in Path(selfdistill.__file__).parent.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("from_pretrained", "from_config")
    ]
    assert len(calls) >= 5
    for name, node in calls:
        loader = ast.unparse(node.func.value)
        trusted = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}.get("trust_remote_code")
        assert trusted == "False" or loader in RUNS_NO_CODE, f"{name}:{node.lineno}"
