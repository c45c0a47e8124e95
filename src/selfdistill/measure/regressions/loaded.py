"""A task of the recipe with its items, and how it is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from selfdistill.measure.regressions.records import OWN, Measured
from selfdistill.recipe.decoding import Decoding
from selfdistill.recipe.tasks import Task
from selfdistill.records import Problem, Prompt
from selfdistill.seeds import digest

if TYPE_CHECKING:
    from selfdistill.recipe.engine import EngineSettings
    from selfdistill.recipe.evaluation import EvaluationSettings
    from selfdistill.recipe.model import ModelSettings
    from selfdistill.recipe.regressions import RegressionSettings


@dataclass(frozen=True, slots=True)
class How:
    """The sections of a recipe that say how both models are measured on other tasks."""

    settings: RegressionSettings
    evaluation: EvaluationSettings
    """Its student's decoding, its limit on an answer, and how its programs are graded."""
    model: ModelSettings
    engine: EngineSettings
    cluster: str | None
    """A Ray cluster's address, where engines run there."""
    seed: int

    @property
    def decodings(self) -> tuple[Decoding, ...]:
        """Those that the recipe asks for, each once: by default greedy and the student's own."""
        wanted = self.settings.decodings or (Decoding(temperature=0), self.evaluation.student)
        return tuple({decoding.slug: decoding for decoding in wanted}.values())


@dataclass(frozen=True, slots=True)
class Loaded:
    """A task with its items: problems with their prompts, or (name, text) of documents; none yet for lm-eval."""

    task: Task
    problems: tuple[Problem, ...] = ()
    prompts: tuple[Prompt, ...] = ()
    documents: tuple[tuple[str, str], ...] = ()


def measured(settings: RegressionSettings, loaded: Loaded, chosen: Sequence[Decoding]) -> Measured:
    """How a task is kept in regressions/tasks.json."""
    each = loaded.task
    sampled = each.form == "problems"
    items = [(problem.task_id, problem.statement) for problem in loaded.problems] or list(loaded.documents)
    parts = [part for item in items for part in item]
    return Measured(
        name=each.name,
        slug=each.slug,
        title=each.title,
        form=each.form,
        measure="nats" if each.form == "text" else "share",
        score={"problems": "pass@1", "text": "nats per token"}.get(each.form, ""),
        decodings=tuple(decoding.slug for decoding in chosen) if sampled else (OWN,),
        labels=tuple(decoding.label for decoding in chosen) if sampled else ("",),
        fingerprint=digest(settings.samples_per_problem if sampled else 1, settings.limit or 0, *parts).hex(),
        higher_is_better=each.form != "text",
    )
