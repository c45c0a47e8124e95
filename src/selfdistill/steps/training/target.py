"""What training aims at: one of the recipe's `training.targets`, each in a file of its own, named in their table.

A file has `load(training, directory) -> TrainingTarget`. What is not overridden here is what hard targets want.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from selfdistill.recipe.training import TARGETS
from selfdistill.records import Prompt, Sample
from selfdistill.steps.training.data import sequence
from selfdistill.steps.training.tiles import Targets

if TYPE_CHECKING:
    from selfdistill.recipe.decoding import Decoding
    from selfdistill.recipe.model import ModelSettings
    from selfdistill.recipe.training import TrainingSettings


class TrainingTarget(ABC):
    """Says what is expected at every scored position; the loss is the cross-entropy to it."""

    columns: tuple[str, ...] = ()
    """Of the data set, beside `input_ids` and `labels`."""
    entries: int = 0
    """Stored probabilities."""

    def rows(
        self, prompts: Mapping[str, Prompt], samples: Sequence[Sample], kept: Sequence[int], max_length: int
    ) -> Iterator[dict[str, list[int]]]:
        """Rows of the data set: `input_ids` and `labels`, both (length,), and `columns`.

        Args:
            prompts: by their ids.
            samples: all, in order.
            kept: positions of those to train on.
            max_length: tokens of prompt and completion.
        """
        for index in kept:
            sample = samples[index]
            yield sequence(prompts[sample.prompt_id], sample, max_length)

    def begin(self, base: Any, model: ModelSettings, training: TrainingSettings, sampling: Decoding) -> None:
        """Load what training needs besides the base, which is loaded.

        Raises:
            UserError: what the recipe asks for does not go together.
        """
        return

    def collate(self, rows: list[dict[str, Any]], batch: dict[str, Any], *, flat: bool) -> dict[str, Any]:
        """What a micro-batch carries for `expected`; a tensor each.

        Args:
            rows: of the data set.
            batch: `input_ids` and `labels` (B, L), and `positions` (N,) of the B * L that are scored.
            flat: all rows stand one after the other, B = 1.
        """
        return {}

    @abstractmethod
    def expected(
        self, wrapped: Any, trained: Any, inputs: dict[str, Any], labels: Tensor, positions: Tensor
    ) -> Targets:
        """What is expected at the scored positions.

        Args:
            wrapped: the trained model as it is called.
            trained: the same with its adapters, out of what wraps it.
            inputs: of the model, and what `collate` added, which is taken out.
            labels: (B, L).
            positions: (N,); the logits of each speak of the token after it.
        """


def load_target(training: TrainingSettings, directory: Path, samples: Sequence[Sample]) -> TrainingTarget:
    """What a recipe's training section aims at.

    Args:
        training: the section.
        directory: where sampling has stored the base's distributions, if the recipe wants that.
        samples: all of the run, in order.

    Raises:
        UserError: they are wanted, and not there, damaged, or other samples'.
    """
    loaded: TrainingTarget = import_module(TARGETS[training.targets].module).load(training, directory, samples)
    return loaded
