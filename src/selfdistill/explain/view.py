"""From one position's distributions to what a reader sees: the likeliest tokens of both models, with their text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from selfdistill.engines.stream import Chunk
from selfdistill.explain.kinds import kind_of
from selfdistill.explain.measured import Measured
from selfdistill.explain.records import Choice, Position
from selfdistill.recipe.explain import AnalysisSettings


@dataclass(frozen=True, slots=True)
class Viewer:
    """Makes `Position` records of a chunk's entries."""

    tokenizer: Any
    settings: AnalysisSettings

    def position(self, chunk: Chunk, measured: Measured, entry: int) -> Position:
        """One entry of a chunk, 0 .. N - 1."""
        values = {name: float(value[entry]) for name, value in measured.values.items()}
        return Position(
            offset=int(chunk.offsets[entry]),
            text=self.text(int(chunk.drawn[entry])),
            kind=kind_of(values["effective"], self.settings.fork_tokens),
            effective=values["effective"],
            support=int(values["support_size"]),
            base_kept=values["base_kept"],
            student_kept=values["student_kept"],
            base_entropy=values["base_entropy"],
            student_entropy=values["student_entropy"],
            fit=values["fit"],
            moved=values["moved"],
            choices=self._choices(chunk, measured, entry),
        )

    def text(self, token_id: int) -> str:
        """A token as it would be read; special tokens by their name."""
        return str(self.tokenizer.decode([token_id], skip_special_tokens=False, clean_up_tokenization_spaces=False))

    def _choices(self, chunk: Chunk, measured: Measured, entry: int) -> tuple[Choice, ...]:
        base, student = (own[entry].exp() for own in measured.logprobs)
        drawn = int(chunk.drawn[entry])
        count = min(self.settings.top_tokens, base.shape[-1])
        shown = {*_top(base, count), *_top(student, count), drawn}
        retained = {
            int(token): float(probability)
            for token, probability in zip(
                measured.target.token_ids[entry], measured.target.probabilities[entry], strict=True
            )
            if probability > 0
        }
        ranked = sorted(shown, key=lambda token: (-float(base[token]), token))
        return tuple(
            Choice(
                self.text(token), float(base[token]), float(student[token]), retained.get(token, 0.0), token == drawn
            )
            for token in ranked
        )


def _top(probabilities: Tensor, count: int) -> list[int]:
    return [int(token) for token in probabilities.topk(count).indices]
