"""The in-process engine against a loop without cache or batch, and against `model.generate`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from selfdistill.decoding.distribution import decode, dense, draw
from selfdistill.engines.base import Request
from selfdistill.engines.load import load_engine
from selfdistill.engines.transformers import TransformersEngine
from selfdistill.models.load import load_model
from selfdistill.recipe.decoding import Decoding
from selfdistill.recipe.engine import EngineSettings
from selfdistill.recipe.model import ModelSettings
from selfdistill.seeds import generator
from tests.decoded import decoded
from tiny_models import make_model

SAMPLING = (Decoding(temperature=0.9, top_k=20, top_p=0.9),)


@pytest.fixture(scope="module", params=["llama", "qwen3"])
def settings(request, tmp_path_factory) -> ModelSettings:
    directory = make_model(tmp_path_factory.mktemp(request.param), architecture=request.param)
    return ModelSettings(path=str(directory), dtype="float32", device="cpu")


@pytest.fixture(scope="module")
def requests() -> list[Request]:
    draws = np.random.default_rng(1)
    return [
        Request(tuple(draws.integers(5, 200, size=length).tolist()), (3, "sample", f"p{number}", 0))
        for number, length in enumerate([4, 9, 9, 2, 17, 5, 1, 30, 9, 12])
    ]


def one_at_a_time(model, request: Request, stages, max_new_tokens: int, end: tuple[int, ...]):
    """No cache, no batch, no padding."""
    seed, *key = request.stream
    uniforms = generator(seed, *key).random(max_new_tokens)
    ids, drawn, supports = list(request.token_ids), [], []
    for step in range(max_new_tokens):
        with torch.no_grad():
            logits = model(input_ids=torch.tensor([ids])).logits[:, -1]
        ranked = decode(logits, stages)
        supports.append(dense(ranked, logits.shape[-1])[0])
        token, _ = draw(ranked, torch.tensor(uniforms[step : step + 1]))
        drawn.append(int(token))
        ids.append(int(token))
        if drawn[-1] in end:
            break
    return drawn, supports


@pytest.mark.parametrize("batch_size", [1, 3, 64])
def test_equals_a_loop_without_cache_and_batch(settings, requests, batch_size):
    engine = load_engine(settings, EngineSettings(batch_size=batch_size))
    engine = replace(engine, end_of_turn=tuple(range(0, 260, 16)))  # a random model rarely says <|endoftext|>
    completions = engine.generate(decoded(requests, SAMPLING), max_new_tokens=24, targets=True)
    model = load_model(settings)
    stopped = 0
    for request, completion in zip(requests, completions, strict=True):
        drawn, supports = one_at_a_time(model, request, SAMPLING, 24, engine.end_of_turn)
        assert list(completion.token_ids) == drawn
        assert completion.finish_reason == ("stop" if drawn[-1] in engine.end_of_turn else "length")
        stopped += completion.finish_reason == "stop"
        assert completion.targets is not None
        ends = completion.targets.support_sizes.cumsum()
        for step, (end, size) in enumerate(zip(ends, completion.targets.support_sizes, strict=True)):
            row = torch.zeros_like(supports[step])
            row[completion.targets.token_ids[end - size : end].astype(int)] = torch.from_numpy(
                completion.targets.probabilities[end - size : end]
            )
            torch.testing.assert_close(row, supports[step], atol=1e-5, rtol=0)
            assert completion.logprobs[step] == pytest.approx(float(row[drawn[step]].log()), abs=1e-4)
    assert 0 < stopped < len(requests), "the test needs rows that end early and rows that do not"


def test_a_prompt_is_read_once_for_all_that_begin_with_it(settings, requests, monkeypatch):
    """Seven completions of each prompt, in three places: most begin when the prompt was read long before."""
    engine = load_engine(settings, EngineSettings(batch_size=3))
    engine = replace(engine, end_of_turn=tuple(range(0, 260, 16)))
    assert isinstance(engine, TransformersEngine)
    several = [replace(each, stream=(*each.stream[:-1], draw)) for draw in range(7) for each in requests]
    read: list[int] = []
    forward = engine.model.forward

    def counted(*args, input_ids, **kwargs):
        read.append(input_ids.numel() if input_ids.shape[1] > 1 else 0)
        return forward(*args, input_ids=input_ids, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(engine.model, "forward", counted)
        completions = engine.generate(decoded(several, SAMPLING), max_new_tokens=12)
    distinct = sum(len(request.token_ids) - 1 for request in requests if len(request.token_ids) > 2)
    assert distinct <= sum(read) < 1.5 * distinct, "each prompt once, and some padding"
    model = load_model(settings)
    for request, completion in zip(several, completions, strict=True):
        assert list(completion.token_ids) == one_at_a_time(model, request, SAMPLING, 12, engine.end_of_turn)[0]


def test_greedy_equals_generate(settings, requests):
    engine = load_engine(settings, EngineSettings(batch_size=64))
    ours = engine.generate(decoded(requests, (Decoding(temperature=0),)), max_new_tokens=16)
    model = load_model(settings)
    for request, completion in zip(requests, ours, strict=True):
        ids = torch.tensor([request.token_ids])
        theirs = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=16, do_sample=False)
        assert list(completion.token_ids) == theirs[0, ids.shape[1] :].tolist()


def test_the_same_shard_gives_the_same_bits_and_neighbours_do_not_matter(settings, requests):
    engine = load_engine(settings, EngineSettings(batch_size=4))
    first = engine.generate(decoded(requests, SAMPLING), max_new_tokens=16)
    assert first == engine.generate(decoded(requests, SAMPLING), max_new_tokens=16)
    shuffled = engine.generate(decoded(requests[::-1], SAMPLING), max_new_tokens=16)[::-1]
    assert [completion.token_ids for completion in shuffled] == [completion.token_ids for completion in first]


def test_a_completion_ends_where_the_context_ends(tmp_path):
    directory = make_model(tmp_path, context=20)
    engine = load_engine(ModelSettings(path=str(directory), device="cpu"), EngineSettings())
    requests = [Request(tuple(range(10, 28)), (0, "a")), Request((10, 11), (0, "b"))]
    tokens, done = [0], [0]

    def progress(finished: int, count: int, _cut_off: int) -> None:
        tokens[0] += count
        done[0] += finished

    long, short = engine.generate(
        decoded(requests, (Decoding(temperature=0.01),)), max_new_tokens=50, progress=progress
    )
    assert len(long.token_ids) <= 2
    assert len(short.token_ids) <= 18
    assert tokens[0] == len(long.token_ids) + len(short.token_ids)
    assert done[0] == 2
