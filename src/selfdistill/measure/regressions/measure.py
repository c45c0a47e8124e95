"""Measure every task under base and student; what is finished is kept, so that the same call continues after a crash.

Files are under regressions/ in the run's directory (docs/formats.md). Compares nothing: report/regressions.py does.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from selfdistill.engines.on_demand import on_demand
from selfdistill.engines.shared import shared_model
from selfdistill.measure.regressions.loaded import Loaded, decodings, measured
from selfdistill.measure.regressions.problems import grade_problems, sample_problems, write_scores
from selfdistill.measure.regressions.records import MODELS, OWN
from selfdistill.measure.regressions.registry import describe, register
from selfdistill.models.tokenizers import read_tokenizer
from selfdistill.recipe.decoding import Decoding
from selfdistill.recipe.tasks import EMBEDDED_TEXT

if TYPE_CHECKING:
    from selfdistill.directory import RunDirectory
    from selfdistill.engines.base import Progress
    from selfdistill.problems.render import Renderer
    from selfdistill.recipe.schema import Recipe


def work(recipe: Recipe, loaded: Sequence[Loaded], models: Sequence[str] = MODELS) -> int:
    """How many items are sampled or read in all; lm-eval's are not known before it runs."""
    samples = recipe.checks.regressions.samples_per_problem * len(
        decodings(recipe.checks.regressions, recipe.evaluation.student)
    )
    return len(models) * sum(len(each.problems) * samples + len(each.documents) for each in loaded)


def measure(
    recipe: Recipe,
    directory: RunDirectory,
    loaded: Sequence[Loaded],
    renderer: Renderer,
    context: int,
    progress: Progress,
    models: Sequence[str] = MODELS,
) -> None:
    """Write the models' scores on every task, and enter the tasks into regressions/tasks.json.

    Args:
        recipe: of the run.
        directory: of the run; the student is in it.
        loaded: the tasks.
        renderer: has rendered them.
        context: tokens that the models can hold.
        progress: told of items sampled or read.
        models: `base`, `student` or both.

    Raises:
        UserError: a task has changed since it was begun, lm-eval cannot run one, or the sandbox is missing.
    """
    settings = recipe.checks.regressions
    chosen = decodings(settings, recipe.evaluation.student)
    register(directory, [measured(settings, each, chosen) for each in loaded])
    with_problems = [each for each in loaded if each.problems]
    for model in models:
        path = None if model == "base" else str(directory.student)
        _sample(recipe, directory, with_problems, model, path, chosen, renderer.end_of_answer, progress)
        for each in loaded:
            scores = directory.regression_files(each.task.slug, model, OWN).scores
            if each.documents:
                _read(recipe, scores, each, path, context, progress)
            elif each.task.form == "lm-eval":
                _run_harness(recipe, directory, scores, each, path, chat=renderer.chat)
    for each in with_problems:
        files = [directory.regression_files(each.task.slug, m, decoding.slug) for m in models for decoding in chosen]
        grade_problems(recipe, each.problems, files, chat=renderer.chat)


def _sample(
    recipe: Recipe,
    directory: RunDirectory,
    loaded: Sequence[Loaded],
    model: str,
    path: str | None,
    chosen: Sequence[Decoding],
    ends: tuple[int, ...],
    progress: Progress,
) -> None:
    """All tasks and decodings with one loaded engine."""
    tokenizer = read_tokenizer(recipe.model.path, recipe.model.revision)
    with on_demand(recipe.model, recipe.engine, path, recipe.cluster, ends) as engine:
        for each in loaded:
            for decoding in chosen:
                samples = directory.regression_files(each.task.slug, model, decoding.slug).samples
                sample_problems(recipe, each.prompts, decoding, samples, engine, tokenizer, progress)


def _read(recipe: Recipe, scores: Path, loaded: Loaded, path: str | None, context: int, progress: Progress) -> None:
    if scores.exists():
        progress(len(loaded.documents), 0)
        return
    from selfdistill.measure.regressions.likelihood import score_documents  # brings torch

    tokenizer = read_tokenizer(recipe.model.path, recipe.model.revision)
    model = shared_model(recipe.model, path)
    ends = loaded.task.source == EMBEDDED_TEXT
    write_scores(
        scores, score_documents(model, tokenizer, loaded.documents, context=context, ends=ends, progress=progress)
    )


def _run_harness(
    recipe: Recipe, directory: RunDirectory, scores: Path, loaded: Loaded, path: str | None, *, chat: bool
) -> None:
    from selfdistill.measure.regressions.harness import run_task

    if scores.exists():
        return
    result = run_task(loaded.task.source, recipe.model, path, recipe.checks.regressions, chat=chat)
    describe(
        directory,
        loaded.task.slug,
        score=result.metric,
        measure=result.measure,
        higher_is_better=result.higher_is_better,
    )
    write_scores(scores, result.scores)  # last: a file of scores that is there is finished
