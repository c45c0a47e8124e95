"""Read every task's items, before anything is run; a mistake shows at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selfdistill.measure.regressions.harness import require_harness
from selfdistill.measure.regressions.loaded import Loaded
from selfdistill.measure.regressions.texts import task_documents
from selfdistill.problems.benchmarks import limited, load_benchmark
from selfdistill.problems.embedded_benchmarks import FAMILIES, embedded_problems
from selfdistill.problems.prompted import check_lengths, render_problem
from selfdistill.recipe.tasks import Task, task
from selfdistill.records import Problem

if TYPE_CHECKING:
    from selfdistill.problems.render import Renderer
    from selfdistill.recipe.regressions import RegressionSettings


def load_task(settings: RegressionSettings, split: str, name: str, renderer: Renderer, context: int) -> Loaded:
    """A task's items.

    Args:
        settings: the recipe's section.
        split: of the embedded problems.
        name: one that a recipe can name.
        renderer: of the model.
        context: tokens that the model can hold.

    Raises:
        UserError: it cannot be loaded, or a problem is longer than the model's context.
    """
    each = task(name)
    if each.form == "text":
        return Loaded(each, documents=tuple(task_documents(each, settings.limit)))
    if each.form == "lm-eval":
        require_harness()
        return Loaded(each)
    problems = limited(_task_problems(each, split), settings.limit)
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
