"""A step of decoding recorded as a CUDA graph and replayed while its shapes stay the same.

A step of a small model is hundreds of short kernels, and launching them one by one from Python takes longer than
running them. A graph launches all of them at once. It repeats addresses and shapes, not values: what changes from step
to step must be written into the tensors that it was recorded with.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from selfdistill.engines.differing import relative_errors
from selfdistill.events import warn

TOLERANCE = 2e-2
"""How far replayed logits may be from launched ones, relative to their spread: rounding in half precision, no more."""

Step = Callable[[], Tensor]
"""Runs one step on tensors that stay where they are; may be repeated, and then does the same again."""


class Recording(Protocol):
    """A recorded step."""

    output: Tensor
    """What the step returned; each replay writes it anew."""

    def replay(self) -> None:
        """Run the step once more."""
        ...


class Graphs:
    """Replays steps where it can. At most one recording is held, as each keeps the memory of a step's results."""

    def __init__(self, record: Callable[[Step], Recording] | None = None) -> None:
        self._record = record or _CudaRecording
        self._key: object = None
        self._recording: Recording | None = None
        self._unable = False

    def run(self, key: object, step: Step) -> Tensor:
        """The step's result, which is valid until the next call.

        Args:
            key: equal for steps that differ in nothing but the values in their tensors.
            step: launched as it is the first time that its key comes, recorded the second time, and replayed from then
                on until another key comes.
        """
        if self._unable:
            return step()
        if key != self._key:
            self._key, self._recording = key, None
            return step()
        if self._recording is None:
            return self._begin(step)
        self._recording.replay()
        return self._recording.output

    def _begin(self, step: Step) -> Tensor:
        launched = step()
        try:
            recording = self._record(step)
            recording.replay()
            apart = _difference(recording.output, launched)
        except RuntimeError as error:  # the model does what a graph cannot hold, or memory is short
            return self._give_up(str(error).strip().partition("\n")[0], launched)
        if not apart <= TOLERANCE:
            return self._give_up(f"replayed logits were off by {apart:.1%}", launched)
        self._recording = recording
        return recording.output

    def _give_up(self, why: str, launched: Tensor) -> Tensor:
        warn(f"engine.cuda_graphs: steps are launched one by one from here on: {why}")
        self._unable, self._recording = True, None
        return launched


class _CudaRecording:
    """See `Recording`. Needs a GPU."""

    def __init__(self, step: Step) -> None:
        # What libraries set up at first use cannot be recorded: once on another stream before, as PyTorch asks for.
        side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            step()
        torch.cuda.current_stream().wait_stream(side)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self.output = step()

    def replay(self) -> None:
        self._graph.replay()


def _difference(logits: Tensor, expected: Tensor) -> float:
    """Over all rows; infinite where one of the two never says a token that the other may say."""
    if not torch.equal(logits.isfinite(), expected.isfinite()):
        return float("inf")
    return float(relative_errors(logits, expected).square().mean().sqrt())
