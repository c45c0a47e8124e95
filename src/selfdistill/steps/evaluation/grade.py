"""Execute the programs of all systems in one stream and append each system's verdicts.

One stream, because systems often write the same program and the grader remembers verdicts of identical programs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selfdistill.files import append_records, read_records
from selfdistill.grading.answers import Answer, grade_answers
from selfdistill.grading.limits import Limits, Submission
from selfdistill.grading.pool import grade
from selfdistill.problems.programs.extract import answer_of
from selfdistill.progress import Update
from selfdistill.records import Problem, Sample, Verdict
from selfdistill.steps.evaluation.cluster import grade_on_cluster

if TYPE_CHECKING:
    from selfdistill.recipe.evaluation import GradingSettings

APPEND_EVERY = 256
"""Verdicts written at once: at most these are graded again after a crash."""


def grade_systems(
    systems: Sequence[tuple[str, Path, Path]],
    problems: Sequence[Problem],
    settings: GradingSettings,
    *,
    chat: bool,
    cluster: str | None = None,
    progress: Update | None = None,
) -> None:
    """Append the missing verdicts of every system.

    Args:
        systems: name, file of samples, file of verdicts.
        problems: those that were sampled.
        settings: limits, rules, isolation.
        chat: whether completions are answers to instructions, from which the code must be extracted.
        cluster: a Ray cluster's address; the programs then run there.
        progress: told of verdicts, those that were there first.

    Raises:
        UserError: the sandbox that the recipe asks for is not available.
    """
    done = {name: {verdict.key for verdict in read_records(verdicts, Verdict)} for name, _, verdicts in systems}
    if progress:
        progress(there=sum(map(len, done.values())))
    files = {name: verdicts for name, _, verdicts in systems}
    waiting: dict[str, list[Verdict]] = {name: [] for name in files}
    answers = _answers(systems, {problem.task_id: problem for problem in problems}, done, settings, chat=chat)
    limits = Limits(seconds_per_test=settings.seconds_per_test, memory_mb=settings.memory_mb)
    how: dict[str, Any] = {"limits": limits, "rules": settings.rules, "isolation": settings.isolation}
    for verdict in grade_answers(answers, lambda submissions: _grade(submissions, how, settings.workers, cluster)):
        system, _, key = verdict.key.partition("|")
        waiting[system].append(replace(verdict, key=key))
        if len(waiting[system]) >= APPEND_EVERY:
            _flush(files[system], waiting[system])
        if progress:
            progress(1)
    for system, verdicts in waiting.items():
        _flush(files[system], verdicts)


def _grade(
    submissions: Iterator[Submission], how: dict[str, Any], workers: int | None, cluster: str | None
) -> Iterator[Verdict]:
    if cluster is None:
        return grade(submissions, **how, workers=workers)

    return grade_on_cluster(grade, cluster, submissions, **how)


def _answers(
    systems: Sequence[tuple[str, Path, Path]],
    problems: dict[str, Problem],
    done: dict[str, set[str]],
    settings: GradingSettings,
    *,
    chat: bool,
) -> Iterator[Answer]:
    for name, samples, _ in systems:
        for sample in read_records(samples, Sample):
            if sample.key in done[name]:
                continue
            yield answer_of(
                problems[sample.prompt_id],
                sample.text,
                f"{name}|{sample.key}",
                chat=chat,
                answers=settings.answers,
                rules=settings.rules,
            )


def _flush(path: Path, verdicts: list[Verdict]) -> None:
    append_records(path, verdicts)
    verdicts.clear()
