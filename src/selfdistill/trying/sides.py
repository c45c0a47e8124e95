"""The two models of a run, each under its own decoding, and their answers as they grow, one token of each in turn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from selfdistill.engines.base import Request
from selfdistill.engines.drawing import Drawing
from selfdistill.engines.load import load_engine
from selfdistill.engines.steps import start
from selfdistill.engines.text import Detokenizer
from selfdistill.engines.transformers import TransformersEngine
from selfdistill.errors import UserError
from selfdistill.problems.render import Rendered, Renderer
from selfdistill.recipe.decoding import Stages, label
from selfdistill.recipe.engine import EngineSettings
from selfdistill.run.integrity import check_student
from selfdistill.seeds import UniformRows, generator

if TYPE_CHECKING:
    from selfdistill.directory import RunDirectory
    from selfdistill.recipe.evaluation import EvaluationSettings
    from selfdistill.recipe.model import ModelSettings


@dataclass(frozen=True, slots=True)
class Side:
    """One model."""

    name: str
    """`base` or `student`."""
    engine: TransformersEngine
    stages: Stages

    @property
    def title(self) -> str:
        """For people: `student, T 0.9, top-k 20, top-p 0.8`."""
        return f"{self.name}, {label(self.stages)}"


@dataclass(frozen=True, slots=True)
class Growing:
    """What one side has written so far."""

    text: str
    tokens: int
    ended: bool
    """It ended by itself, at a stop string or at the limit."""


def open_sides(
    model: ModelSettings, evaluation: EvaluationSettings, run: RunDirectory, renderer: Renderer
) -> tuple[Side, Side]:
    """Load base and student, each to be decoded as in the evaluation; into this process whatever the run's engine is.

    Raises:
        UserError: there is no student yet, or a model cannot be loaded.
    """
    if not (run.student / "config.json").is_file():
        raise UserError("there is no student to try", where=run.root, fix=f"run selfdistill train {run.root}")
    check_student(run.student)
    here = EngineSettings(kind="transformers", batch_size=1)
    decodings = {"base": evaluation.base, "student": evaluation.student}
    paths = {"base": None, "student": str(run.student)}
    base, student = (
        Side(name, _loaded(load_engine(model, here, paths[name], renderer.end_of_answer)), (decoding,))
        for name, decoding in decodings.items()
    )
    return base, student


def _loaded(engine: object) -> TransformersEngine:
    assert isinstance(engine, TransformersEngine)
    return engine


def answers(
    sides: Sequence[Side], prompt: Rendered, *, limit: int, stop: Sequence[str], stream: tuple[str | int, ...]
) -> Iterator[tuple[Growing, ...]]:
    """What each side has written, after each token of any of them.

    Args:
        sides: they write in turn, a token each, until all have ended.
        prompt: the same for all.
        limit: tokens of an answer.
        stop: texts before which an answer ends.
        stream: names the random stream, the same for all sides: where both have the same distribution, they draw the
            same token.

    Raises:
        UserError: the prompt leaves no room for an answer.
    """
    room = min(side.engine.context for side in sides) - len(prompt.token_ids)
    if room < 1:
        raise UserError(f"{len(prompt.token_ids)} tokens leave no room for an answer", fix="ask something shorter")
    growing = [_answer(side, prompt, min(limit, room), stop, stream) for side in sides]
    state = [Growing("", 0, False)] * len(sides)
    while not all(each.ended for each in state):
        state = [each if each.ended else next(more) for each, more in zip(state, growing, strict=True)]
        yield tuple(state)


def _answer(
    side: Side, prompt: Rendered, limit: int, stop: Sequence[str], stream: tuple[str | int, ...]
) -> Iterator[Growing]:
    detokenizer = Detokenizer(side.engine.tokenizer)
    written: list[int] = []
    for token in _tokens(side, prompt.token_ids, stream):
        written.append(token)
        text = detokenizer.text(prompt.token_ids, written)
        cut = min((found for each in stop if (found := text.find(each)) >= 0), default=None)
        ended = cut is not None or token in side.engine.end_of_turn or len(written) >= limit
        yield Growing(text if cut is None else text[:cut], len(written), ended)


def _tokens(side: Side, prompt: tuple[int, ...], stream: tuple[str | int, ...]) -> Iterator[int]:
    """Drawn as the engine draws them, without an end."""
    engine = side.engine
    with torch.inference_mode():
        steps = start(engine.mode, engine.model, [prompt], engine.context)
    drawing = Drawing([Request(prompt, stream, side.stages)], engine.tokenizer, engine.end_of_turn, ranked=False)
    seed, *key = stream
    uniforms = UniformRows([generator(int(seed), *key)])
    while True:
        with torch.inference_mode():
            ((_, drawn),) = drawing.draw(steps.logits, np.array([0]), uniforms.next())
            yield int(drawn.tokens[0])
            steps.forward(drawn.tokens)
