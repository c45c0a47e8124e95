"""Which tokens moved in a run: the stage `explain`, and what it needs of a finished run.

Reads the run's models, samples, graded programs and the preview's scores; measures nothing itself (`explain/` does).

    explain_run(Path("runs/demo-seed0"))
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from selfdistill.directory import RunDirectory
from selfdistill.errors import UserError
from selfdistill.explain.explain import Progress, explain_models
from selfdistill.explain.records import MODELS, ExplainResult, Graded, PreviewGap
from selfdistill.files import read_records
from selfdistill.measure.comparisons import find
from selfdistill.measure.evaluated import read_systems
from selfdistill.measure.scores import read_scores
from selfdistill.measure.statistics import means
from selfdistill.models.tokenizers import read_tokenizer
from selfdistill.problems.benchmarks import load_problems
from selfdistill.problems.prompted import render_problem
from selfdistill.problems.render import Renderer
from selfdistill.progress import progress as shown_progress
from selfdistill.records import Outcome, Prompt, Sample, Verdict
from selfdistill.report.pages.explain import write_explain
from selfdistill.run.integrity import check
from selfdistill.run.own_recipe import read_recipe
from selfdistill.run.timing import timed_stage

if TYPE_CHECKING:
    from selfdistill.recipe.schema import Recipe
    from selfdistill.steps.evaluation.systems import System


def explain(directory: RunDirectory) -> None:
    """Which tokens moved: explain.html and explain.json; nothing if they are there."""
    if directory.explanation_page.is_file():
        return
    with timed_stage(directory, "explain"), shown_progress("explaining", None, "positions") as update:
        write_explain(explain_run(directory.root, progress=update), directory.root)


def explain_run(root: Path, *, progress: Progress | None = None) -> ExplainResult:
    """Explain a run: its base and student on the samples that the student was trained on.

    Where the run was evaluated, the programs of both models' own decodings show where programs break.

    Raises:
        UserError: the directory holds no run, or its student is not trained yet.
    """
    directory = RunDirectory(root)
    recipe = read_recipe(directory)
    if not directory.student.is_dir():
        raise UserError("there is no student to explain yet", where=root, fix=f"run: selfdistill train {root}")
    check(directory, "prompts", "samples", "student", "evaluation")
    systems = _systems(directory)
    graded = _graded(directory, systems)
    return explain_models(
        recipe.model.path,
        str(directory.student),
        [*read_records(directory.prompts, Prompt), *(_problem_prompts(recipe) if graded else [])],
        list(read_records(directory.samples, Sample)),
        recipe.sampling.decoding,
        recipe.analysis,
        evaluation=recipe.evaluation.student,
        graded=graded,
        preview=_preview(directory, systems, recipe.evaluation.pass_at),
        dtype=recipe.model.dtype,
        device=recipe.model.device,
        progress=progress,
    )


def _systems(directory: RunDirectory) -> dict[str, System]:
    """The base's and the student's own decoding and the preview, where all of them were graded."""
    if not directory.systems.is_file():
        return {}
    systems = read_systems(directory)
    positions = {
        "base": find(systems, "base", "default"),
        "student": find(systems, "student", "default"),
        "preview": find(systems, "base", "preview"),
    }
    found = {name: systems[position] for name, position in positions.items() if position is not None}
    return {name: system for name, system in found.items() if directory.system_verdicts(system.name).is_file()}


def _graded(directory: RunDirectory, systems: dict[str, System]) -> list[Graded]:
    graded = []
    for model in MODELS:
        if model not in systems:
            return []
        name = systems[model].name
        verdicts = {verdict.key: verdict for verdict in read_records(directory.system_verdicts(name), Verdict)}
        for sample in read_records(directory.system_samples(name), Sample):
            verdict = verdicts.get(sample.key)
            if verdict is not None and verdict.outcome is not Outcome.HARNESS_ERROR:
                graded.append(Graded(model, sample, verdict.passed, verdict.outcome.value))
    return graded


def _problem_prompts(recipe: Recipe) -> list[Prompt]:
    """The evaluation's problems as the models read them: rendered again, by the renderer that rendered them then."""
    renderer = Renderer(read_tokenizer(recipe.model.path, recipe.model.revision), recipe.prompts)
    return [render_problem(problem, renderer) for problem in load_problems(recipe.evaluation)]


def _preview(directory: RunDirectory, systems: dict[str, System], ks: tuple[int, ...]) -> list[PreviewGap]:
    if len(systems) < 3:
        return []
    scores = read_scores(directory, ks, [systems[name] for name in ("base", "preview", "student")])
    return [PreviewGap(measure, *means(table).tolist()) for measure, table in scores.tables.items()]
