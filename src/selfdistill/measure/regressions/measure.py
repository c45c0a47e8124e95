"""Measure every task under base and student; what is finished is kept, so that the same call continues after a crash.

Files are under regressions/ in the run's directory (docs/formats.md). Compares nothing: report/regressions.py does.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from selfdistill.engines.on_demand import on_demand
from selfdistill.engines.shared import shared_model
from selfdistill.measure.regressions.loaded import How, Loaded, measured
from selfdistill.measure.regressions.problems import grade_problems, sample_problems, write_scores
from selfdistill.measure.regressions.records import MODELS, OWN
from selfdistill.measure.regressions.registry import describe, register
from selfdistill.models.tokenizers import read_tokenizer
from selfdistill.recipe.tasks import EMBEDDED_TEXT

if TYPE_CHECKING:
    from selfdistill.directory import RunDirectory
    from selfdistill.engines.base import Progress
    from selfdistill.problems.render import Renderer


def work(how: How, loaded: Sequence[Loaded], models: Sequence[str] = MODELS) -> int:
    """How many items are sampled or read in all; lm-eval's are not known before it runs."""
    samples = how.settings.samples_per_problem * len(how.decodings)
    return len(models) * sum(len(each.problems) * samples + len(each.documents) for each in loaded)


def measure(
    how: How,
    directory: RunDirectory,
    loaded: Sequence[Loaded],
    renderer: Renderer,
    context: int,
    progress: Progress,
    models: Sequence[str] = MODELS,
) -> None:
    """Write the models' scores on every task, and enter the tasks into regressions/tasks.json.

    Args:
        how: the recipe's sections.
        directory: of the run; the student is in it.
        loaded: the tasks.
        renderer: has rendered them.
        context: tokens that the models can hold.
        progress: told of items sampled or read.
        models: `base`, `student` or both.

    Raises:
        UserError: a task has changed since it was begun, lm-eval cannot run one, or the sandbox is missing.
    """
    register(directory, [measured(how.settings, each, how.decodings) for each in loaded])
    with_problems = [each for each in loaded if each.problems]
    for model in models:
        path = None if model == "base" else str(directory.student)
        _sample(how, directory, with_problems, model, path, renderer, progress)
        for each in loaded:
            scores = directory.regression_files(each.task.slug, model, OWN).scores
            if each.documents:
                _read(how, scores, each, path, context, progress)
            elif each.task.form == "lm-eval":
                _run_harness(how, directory, scores, each, path, chat=renderer.chat)
    for each in with_problems:
        files = [
            directory.regression_files(each.task.slug, m, decoding.slug) for m in models for decoding in how.decodings
        ]
        grade_problems(how, each.problems, files, chat=renderer.chat)


def _sample(
    how: How,
    directory: RunDirectory,
    loaded: Sequence[Loaded],
    model: str,
    path: str | None,
    renderer: Renderer,
    progress: Progress,
) -> None:
    """All tasks and decodings with one loaded engine."""
    with on_demand(how.model, how.engine, path, how.cluster, renderer.end_of_answer) as engine:
        for each in loaded:
            for decoding in how.decodings:
                samples = directory.regression_files(each.task.slug, model, decoding.slug).samples
                sample_problems(how, each.prompts, decoding, samples, engine, renderer, progress)


def _read(how: How, scores: Path, loaded: Loaded, path: str | None, context: int, progress: Progress) -> None:
    if scores.exists():
        progress(len(loaded.documents), 0)
        return
    from selfdistill.measure.regressions.likelihood import score_documents  # brings torch

    tokenizer = read_tokenizer(how.model.path, how.model.revision)
    model = shared_model(how.model, path)
    ends = loaded.task.source == EMBEDDED_TEXT
    write_scores(
        scores, score_documents(model, tokenizer, loaded.documents, context=context, ends=ends, progress=progress)
    )


def _run_harness(
    how: How, directory: RunDirectory, scores: Path, loaded: Loaded, path: str | None, *, chat: bool
) -> None:
    from selfdistill.measure.regressions.harness import run_task

    if scores.exists():
        return
    result = run_task(loaded.task.source, how.model, path, how.settings, chat=chat)
    describe(
        directory,
        loaded.task.slug,
        score=result.metric,
        measure=result.measure,
        higher_is_better=result.higher_is_better,
    )
    write_scores(scores, result.scores)  # last: a file of scores that is there is finished
