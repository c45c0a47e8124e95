"""Device, dtype and attention: what the recipe says is what is loaded, and what cannot be had is one line."""

from __future__ import annotations

import pytest
import torch

from selfdistill.engines.base import Request
from selfdistill.engines.load import load_engine
from selfdistill.errors import UserError
from selfdistill.models.devices import resolve_device, resolve_dtype
from selfdistill.models.load import load_model
from selfdistill.recipe.decoding import Decoding
from selfdistill.recipe.engine import EngineSettings
from selfdistill.recipe.model import ModelSettings
from tests.decoded import decoded
from tiny_models import make_model

IDS = torch.arange(10, 42)[None]


@pytest.fixture(scope="module")
def path(tmp_path_factory) -> str:
    return str(make_model(tmp_path_factory.mktemp("models") / "model", architecture="qwen3"))


def logits(path: str, **settings: str) -> torch.Tensor:
    model = load_model(ModelSettings(path=path, device="cpu", **settings))
    with torch.inference_mode():
        return model(input_ids=IDS).logits.float()


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [("float32", torch.float32), ("bfloat16", torch.bfloat16), ("float16", torch.float16), ("auto", torch.float32)],
)
def test_weights_have_the_dtype_that_the_recipe_says(path, dtype, expected):
    model = load_model(ModelSettings(path=path, device="cpu", dtype=dtype))
    assert {weight.dtype for weight in model.parameters()} == {expected}


def test_auto_is_the_checkpoints_dtype_on_a_gpu():
    assert resolve_dtype("auto", torch.device("cuda")) == "auto"
    assert resolve_dtype("auto", torch.device("cpu")) is torch.float32
    assert resolve_dtype("bfloat16", torch.device("cuda")) is torch.bfloat16


def test_on_apples_gpu_the_dtype_is_the_checkpoints_and_the_user_hears_that_it_is_untested(monkeypatch, capsys):
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: True)
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda: torch.device("mps"))
    assert resolve_device("auto") == torch.device("mps")
    assert resolve_dtype("auto", torch.device("mps")) == "auto"
    assert "was never run on mps" in capsys.readouterr().err


def test_bfloat16_is_the_same_model_but_for_rounding(path):
    exact, rounded = logits(path, dtype="float32"), logits(path, dtype="bfloat16")
    assert not torch.equal(exact, rounded)
    distance = (exact - rounded).norm() / exact.norm()
    assert distance < 0.05


def test_both_attentions_agree(path):
    sdpa, eager = logits(path, attention="sdpa"), logits(path, attention="eager")
    assert (sdpa - eager).abs().max() < 1e-4
    model = load_model(ModelSettings(path=path, device="cpu", attention="eager"))
    assert model.config._attn_implementation == "eager"


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_loop_decodes_greedily_as_transformers_does(path, dtype, attention):
    """Rows of different lengths share a batch, so masks and positions are used under every attention."""
    settings = ModelSettings(path=path, device="cpu", dtype=dtype, attention=attention)
    engine = load_engine(settings, EngineSettings(batch_size=4))
    prompts = [tuple(range(20, 20 + length)) for length in (3, 17, 40)]
    requests = [Request(ids, (0, "greedy", row)) for row, ids in enumerate(prompts)]
    completions = engine.generate(decoded(requests, (Decoding(temperature=0),)), max_new_tokens=12)
    model = load_model(settings)
    for ids, completion in zip(prompts, completions, strict=True):
        for length, token in enumerate(completion.token_ids):
            with torch.inference_mode():
                scores = model(input_ids=torch.tensor([[*ids, *completion.token_ids[:length]]])).logits[0, -1].float()
            slack = 1e-3 if dtype == "float32" else 0.2  # a batch rounds otherwise than a row by itself
            assert scores[token] >= scores.max() - slack


def test_a_gpu_that_is_not_there_is_one_line():
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(UserError, match=r"^model.device: device cuda cannot be used: .*\(set it to auto\)$"):
        resolve_device("cuda")
    assert resolve_device("auto") in (torch.device("cpu"), torch.device("mps"))


@pytest.mark.parametrize("attention", ["nonsense", "flash_attention_2"])
def test_an_attention_that_is_not_there_is_one_line(path, attention):
    if attention == "flash_attention_2" and torch.cuda.is_available():
        pytest.skip("this machine may have it")
    with pytest.raises(UserError, match="cannot load the model") as caught:
        load_model(ModelSettings(path=path, device="cpu", attention=attention))
    assert "\n" not in str(caught.value)
