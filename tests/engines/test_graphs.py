"""Steps that are recorded and replayed: the same completions, wherever rows come, grow and leave.

What records here needs no GPU: it keeps the step with the tensors that it was recorded with, and runs it again. So a
tensor that is made anew in place of being written, or a shape that the key leaves out, gives other tokens. test_gpu.py
has the real thing.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from engines.architectures import VOCABULARY, tiny_model
from selfdistill import events
from selfdistill.engines import graphs, slots
from selfdistill.engines.base import Completion, Request
from selfdistill.engines.graphs import Graphs, Step
from selfdistill.engines.steps import Mode
from selfdistill.engines.transformers import TransformersEngine
from selfdistill.recipe.decoding import Decoding
from tests.decoded import decoded

SAMPLING = (Decoding(temperature=0.9, top_k=20, top_p=0.9),)
ENDS = (3, 35)


class Kept:
    """A step run again on the tensors of its recording; its output stays in one place, as a graph's does."""

    replays = 0

    def __init__(self, step: Step) -> None:
        self._step = step
        self.output = step().clone()

    def replay(self) -> None:
        type(self).replays += 1
        self.output.copy_(self._step())


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> type[Kept]:
    monkeypatch.setattr(graphs, "_CudaRecording", Kept)
    monkeypatch.setattr(slots, "ROOM", 8)  # slots grow, and widths change, every few steps
    monkeypatch.setattr(Kept, "replays", 0)
    return Kept


def complete(engine: TransformersEngine) -> list[Completion]:
    draws = np.random.default_rng(1)
    requests = [
        Request(tuple(draws.integers(5, VOCABULARY, size=length).tolist()), (3, "sample", f"p{number}", 0))
        for number, length in enumerate(draws.integers(1, 40, size=48))
    ]
    return engine.generate(decoded(requests, SAMPLING), max_new_tokens=40, targets=True)


@pytest.mark.parametrize("architecture", ["llama", "qwen3", "gemma3_text"])
def test_replayed_steps_draw_the_same(recorded: type[Kept], architecture: str) -> None:
    """Three times as many requests as places: rows are refilled, and leave at the end. Gemma has sliding windows."""
    engine = TransformersEngine(tiny_model(architecture), ENDS, 4096, batch_size=16, mode=Mode.SLOTS)
    launched = complete(engine)
    assert recorded.replays == 0
    replayed = complete(replace(engine, cuda_graphs=True))
    assert recorded.replays > 20
    assert {len(each.token_ids) for each in launched} > {40}
    for one, other in zip(launched, replayed, strict=True):
        assert one.token_ids == other.token_ids
        assert one.targets is not None
        assert other.targets is not None
        np.testing.assert_allclose(one.targets.probabilities, other.targets.probabilities, atol=1e-5)


def test_what_cannot_be_recorded_is_launched_and_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    def refuse(step: Step) -> Kept:
        raise RuntimeError("operation not permitted when stream is capturing\nmore of it")

    steps = Graphs(refuse)
    for _ in range(4):
        assert steps.run("same", lambda: torch.ones(2, 3)).tolist() == [[1.0] * 3] * 2
    said = capsys.readouterr().err
    assert said.count("steps are launched one by one from here on: operation not permitted when stream is capt") == 1
    assert "more of it" not in said


@pytest.mark.parametrize("wrong", [1.1, float("nan"), float("-inf")])
def test_a_recording_that_says_something_else_is_not_used(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], wrong: float
) -> None:
    monkeypatch.setattr(events, "_warned", set())  # it says a thing once

    class Wrong(Kept):
        def replay(self) -> None:
            self.output[0, 1] = wrong

    right = torch.tensor([[0.0, 1.0, 2.0, float("-inf")]])
    steps = Graphs(Wrong)
    for _ in range(4):
        assert torch.equal(steps.run("same", lambda: right), right)
    assert "replayed logits were off by" in capsys.readouterr().err


def test_another_shape_drops_the_recording() -> None:
    made = []

    def record(step: Step) -> Kept:
        made.append(Kept(step))
        return made[-1]

    steps = Graphs(record)
    for key in ("a", "a", "a", "b", "a", "a"):
        steps.run(key, lambda: torch.arange(6.0)[None])
    assert len(made) == 2
