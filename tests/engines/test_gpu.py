"""What a GPU may change and must not: draws in float32, a shard that repeats; and what is said of its memory."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from selfdistill.engines.base import Request
from selfdistill.engines.load import load_engine
from selfdistill.recipe.decoding import Decoding
from selfdistill.recipe.engine import EngineSettings
from selfdistill.recipe.model import ModelSettings
from selfdistill.run.gpu_memory import gpu_peak
from tests.decoded import decoded
from tiny_models import make_model

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
SAMPLING = (Decoding(temperature=0.9, top_k=20, top_p=0.9),)


@pytest.fixture(scope="module")
def requests() -> list[Request]:
    draws = np.random.default_rng(1)
    lengths = draws.integers(1, 40, size=48)
    return [
        Request(tuple(draws.integers(5, 200, size=length).tolist()), (3, "sample", f"p{number}", 0))
        for number, length in enumerate(lengths)
    ]


@pytest.mark.parametrize("architecture", ["llama", "qwen3"])
def test_float32_draws_are_those_of_the_cpu(tmp_path, requests, architecture):
    directory = make_model(tmp_path, architecture=architecture)
    drawn = {}
    for device in ("cpu", "cuda"):
        settings = ModelSettings(path=str(directory), dtype="float32", device=device)
        engine = load_engine(settings, EngineSettings(batch_size=16))
        drawn[device] = engine.generate(decoded(requests, SAMPLING), max_new_tokens=24, targets=True)
    for here, there in zip(drawn["cpu"], drawn["cuda"], strict=True):
        assert here.token_ids == there.token_ids
        assert here.targets is not None
        assert there.targets is not None
        assert here.targets.token_ids.tolist() == there.targets.token_ids.tolist()
        np.testing.assert_allclose(here.targets.probabilities, there.targets.probabilities, atol=1e-5)


def test_a_shard_repeats_in_bfloat16_where_many_logits_are_equal(tmp_path, requests):
    settings = ModelSettings(path=str(make_model(tmp_path)), dtype="bfloat16", device="cuda")
    engine = load_engine(settings, EngineSettings(batch_size=16))
    first = engine.generate(decoded(requests, SAMPLING), max_new_tokens=64)
    assert first == engine.generate(decoded(requests, SAMPLING), max_new_tokens=64)


def test_recorded_steps_draw_what_launched_ones_do(tmp_path, requests, capsys):
    settings = ModelSettings(path=str(make_model(tmp_path)), dtype="float32", device="cuda")
    launched, recorded = (
        load_engine(settings, EngineSettings(kind="transformers", batch_size=16, cuda_graphs=graphs)).generate(
            decoded(requests, SAMPLING), max_new_tokens=64
        )
        for graphs in (False, True)
    )
    assert launched == recorded
    assert "cuda_graphs" not in capsys.readouterr().err, "steps could not be recorded"


def test_the_peak_of_a_block_is_its_own():
    torch.zeros(2**28, dtype=torch.uint8, device="cuda")
    facts: dict[str, int] = {}
    with gpu_peak(facts):
        torch.zeros(2**26, dtype=torch.uint8, device="cuda")
    assert 2**26 <= facts["gpu_peak_bytes"] < 2**28
