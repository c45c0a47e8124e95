"""Tasks of EleutherAI's lm-eval through its Python API, item by item, so that differences are paired.

It runs the model by itself, under the task's own decoding. Tasks that execute generated code are refused: lm-eval has
no sandbox. The one place that imports `lm_eval`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import util
from typing import TYPE_CHECKING, Any

from selfdistill.engines.shared import shared_model
from selfdistill.errors import MissingExtraError, UserError, first_line
from selfdistill.measure.regressions.records import Measure, Score
from selfdistill.models.tokenizers import load_tokenizer

if TYPE_CHECKING:
    from selfdistill.recipe.model import ModelSettings
    from selfdistill.recipe.regressions import RegressionSettings

BATCH_SIZE = 8
"""Sequences at a time."""


@dataclass(frozen=True, slots=True)
class HarnessResult:
    """One model's scores on one task."""

    metric: str
    """lm-eval's name of it, e.g. `acc`."""
    higher_is_better: bool
    scores: tuple[Score, ...]

    @property
    def measure(self) -> Measure:
        """`share` where every score lies in [0, 1]."""
        return "share" if all(0 <= (score.value or 0) <= 1 for score in self.scores) else "other"


def run_task(
    task: str, model: ModelSettings, path: str | None, settings: RegressionSettings, *, chat: bool
) -> HarnessResult:
    """Evaluate one model on one task, or on all subtasks of a group.

    Args:
        task: lm-eval's name of it.
        model: the recipe's model section.
        path: another model's directory (the student's) in place of the recipe's.
        settings: the limit, and where further task definitions are.
        chat: apply the tokenizer's chat template.

    Raises:
        MissingExtraError: lm-eval is not installed.
        UserError: there is no such task, or it executes generated code.
    """
    require_harness()
    import lm_eval
    from lm_eval.models.huggingface import HFLM

    try:
        loaded = HFLM(
            pretrained=shared_model(model, path),  # not by its name: lm-eval would not check the weights
            tokenizer=load_tokenizer(path or model.path, None if path else model.revision),
            batch_size=BATCH_SIZE,
        )
        results = lm_eval.simple_evaluate(
            model=loaded,
            tasks=[task],
            task_manager=_manager(settings.task_directory),
            limit=settings.limit,
            bootstrap_iters=0,  # our intervals are paired
            log_samples=True,
            apply_chat_template=chat,
        )
    except (KeyError, ValueError, OSError) as error:
        reason = first_line(error)
        raise UserError(f"lm-eval cannot run this task: {reason}", where=f"lm-eval:{task}") from error
    return _first_metric(task, results)


def require_harness() -> None:
    """Make sure that lm-eval is there, without importing it.

    Raises:
        MissingExtraError: it is not.
    """
    if util.find_spec("lm_eval") is None:
        raise MissingExtraError("a task of lm-eval", extra="lm-eval")


@cache
def _manager(task_directory: str | None) -> Any:
    """lm-eval's index of tasks; reading its thousands of definitions takes a while."""
    from lm_eval.tasks import TaskManager

    return TaskManager(include_path=task_directory)


def _first_metric(task: str, results: dict[str, Any]) -> HarnessResult:
    """The first metric that every item has a number for, under the task's first filter."""
    items = [(name, sample) for name, samples in results["samples"].items() for sample in samples]
    for metric in items[0][1]["metrics"]:
        values = {
            f"{name}/{sample['doc_id']}": sample[metric]
            for name, sample in reversed(items)  # of an item's several filters, the first
            if isinstance(sample.get(metric), (int, float))
        }
        if len(values) == len({(name, sample["doc_id"]) for name, sample in items}):
            first = items[0][0]
            higher = results.get("higher_is_better", {}).get(first, {}).get(metric, True)
            scores = tuple(Score(item, float(values[item])) for item in sorted(values))
            return HarnessResult(metric, higher is not False, scores)
    raise UserError("no metric of this task is a number for each item", where=f"lm-eval:{task}")
