"""Read every task's items, before anything is run; a mistake shows at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from selfdistill.measure.regressions.harness import require_harness
from selfdistill.measure.regressions.records import OWN, Measured
from selfdistill.measure.regressions.texts import task_documents
from selfdistill.problems.benchmarks import limited, load_benchmark
from selfdistill.problems.embedded_benchmarks import FAMILIES, embedded_problems
from selfdistill.problems.prompted import check_lengths, render_problem
from selfdistill.recipe.decoding import Decoding
from selfdistill.recipe.tasks import Task, task
from selfdistill.records import Problem, Prompt
from selfdistill.seeds import digest

if TYPE_CHECKING:
    from selfdistill.problems.render import Renderer
    from selfdistill.recipe.regressions import RegressionSettings
    from selfdistill.recipe.schema import Recipe


@dataclass(frozen=True, slots=True)
class Loaded:
    """A task with its items: problems with their prompts, or (name, text) of documents; none yet for lm-eval."""

    task: Task
    problems: tuple[Problem, ...] = ()
    prompts: tuple[Prompt, ...] = ()
    documents: tuple[tuple[str, str], ...] = ()


def load_task(recipe: Recipe, name: str, renderer: Renderer, context: int) -> Loaded:
    """A task's items.

    Raises:
        UserError: it cannot be loaded, or a problem is longer than the model's context.
    """
    each, settings = task(name), recipe.checks.regressions
    if each.form == "text":
        return Loaded(each, documents=tuple(task_documents(each, settings.limit)))
    if each.form == "lm-eval":
        require_harness()
        return Loaded(each)
    problems = limited(_task_problems(each, recipe.evaluation.split), settings.limit)
    prompts = [render_problem(problem, renderer) for problem in problems]
    check_lengths(prompts, context)
    return Loaded(each, problems, tuple(prompts))


def _task_problems(task: Task, split: str) -> tuple[Problem, ...]:
    """The task's problems; of the embedded ones the split that the recipe evaluates on.

    Raises:
        UserError: no such benchmark or file, or a broken line in it.
    """
    if task.source in FAMILIES:
        return embedded_problems(FAMILIES[task.source], split)
    return load_benchmark(task.source)


def decodings(settings: RegressionSettings, student: Decoding) -> tuple[Decoding, ...]:
    """Those that the recipe asks for, each once: by default greedy and the student's own."""
    wanted = settings.decodings or (Decoding(temperature=0), student)
    return tuple({decoding.slug: decoding for decoding in wanted}.values())


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
