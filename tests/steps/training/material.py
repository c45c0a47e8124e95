"""What a run has when it begins to train, made by hand: a model, samples of all kinds and their soft targets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from datasets import Dataset

from selfdistill.engines.base import SparseTargets
from selfdistill.recipe import Recipe
from selfdistill.records import Prompt, Sample
from selfdistill.steps.sampling.targets import target_path, write_targets
from selfdistill.steps.training.target import TrainingTarget
from selfdistill.steps.training.train import train_student
from steps.training.plain_torch import Example
from tiny_models import make_model

END = 0
MAX_LENGTH = 24
LENGTHS = ((3, 1), (5, 17), (4, 6), (6, 30), (3, 11), (30, 4), (5, 2), (4, 3), (20, 4), (3, 8), (7, 13))
"""Tokens of prompts and completions: short and long ones, two that are cut, one without a target left, one that ends
where the cut is."""


@dataclass(frozen=True)
class Material:
    """What a run has when it begins to train, and the same as the reference wants it."""

    root: Path
    prompts: list[Prompt]
    samples: list[Sample]
    examples: dict[str, list[Example]]
    """What is to be trained on, by kind of targets."""
    target_entries: int
    """Of all samples' soft targets."""


def make_material(root: Path) -> Material:
    """Write it; one of the samples is degenerate, and must not be trained on."""
    make_model(root / "model", biases=True)
    draws = np.random.default_rng(0)
    prompts, samples, targets = [], [], []
    examples: dict[str, list[Example]] = {"hard": [], "soft": []}
    for number, (prompt_length, length) in enumerate(LENGTHS):
        prompts.append(Prompt(f"p{number}", "", tuple(draws.integers(5, 261, prompt_length).tolist())))
        for index in range(2 if number == 1 else 1):
            ended = (number + index) % 3 != 0
            ids = (*draws.integers(5, 261, length - ended).tolist(), *([END] if ended else []))
            ids = (100, *ids[1:]) if length == 17 else ids  # a token, as -100 is not
            soft = tuple(_targets(token, draws) for token in ids)
            degenerate = number == 4  # is not trained on: the rows of those after it must still be their own
            text = "" if degenerate else "return 1"
            samples.append(Sample(f"p{number}", index, ids, "stop" if ended else "length", (), text))
            targets.append(_sparse(soft))
            if not degenerate:
                examples["hard"].append(Example(prompts[-1].token_ids, ids))
                examples["soft"].append(Example(prompts[-1].token_ids, ids, soft))
    write_targets(target_path(root / "targets", 0), targets[:5])
    write_targets(target_path(root / "targets", 1), targets[5:])
    return Material(root, prompts, samples, examples, sum(len(each.token_ids) for each in targets))


def _targets(drawn: int, draws: np.random.Generator) -> dict[int, float]:
    others = draws.choice(np.arange(5, 261), int(draws.integers(0, 4)), replace=False).tolist()
    support = list(dict.fromkeys([drawn, *others]))
    weights = draws.random(len(support)).astype(np.float32)
    return dict(zip(support, (weights / weights.sum()).tolist(), strict=True))


def _sparse(positions: tuple[dict[int, float], ...]) -> SparseTargets:
    return SparseTargets(
        np.array([len(each) for each in positions], dtype=np.int32),
        np.array([token for each in positions for token in each], dtype=np.int32),
        np.array([value for each in positions for value in each.values()], dtype=np.float32),
    )


def train(
    recipe: Recipe,
    dataset: Dataset,
    target: TrainingTarget,
    student: Path,
    *,
    log: Path,
    card: str = "",
    progress: Callable[[int, int], None] | None = None,
) -> tuple[int, int] | None:
    """`train_student` with the sections of a recipe."""
    return train_student(
        recipe.model,
        recipe.training,
        recipe.sampling.decoding,
        dataset,
        target,
        student,
        log=log,
        card=card,
        progress=progress,
        seed=recipe.seed,
        name=recipe.name,
    )
