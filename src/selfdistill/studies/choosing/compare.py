"""Agreement as a way of decoding: draw n answers, give one of the largest group that agrees. Nothing is trained.

Works on a finished evaluation: its samples are there and judged, so only the programs on their new inputs are run.
Inputs come from the statements alone. Where no two answers agree, or the statement gives no input, every answer is its
own group, and the score is that of one sample.

    selfdistill agreement runs/demo
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from selfdistill.agreement.asked import Asked, asked_of
from selfdistill.agreement.records import Agreement
from selfdistill.agreement.run import Candidates, agreements
from selfdistill.directory import RunDirectory, exclusive
from selfdistill.errors import UserError
from selfdistill.files import append_records, read_records, write_json
from selfdistill.measure.evaluated import read_systems
from selfdistill.problems.benchmarks import load_problems
from selfdistill.problems.programs.extract import answer_of
from selfdistill.problems.render import load_renderer
from selfdistill.recipe.agreement import AgreementSettings
from selfdistill.recipe.schema import Recipe
from selfdistill.records import AssertTests, CallTests, DoctestTests, PredictionTests, Problem, Sample, SchemaTests
from selfdistill.report.compared import ChosenByAgreement
from selfdistill.run import reporting
from selfdistill.run.integrity import check, seal
from selfdistill.run.manifest import finished
from selfdistill.run.own_recipe import read_recipe
from selfdistill.steps.evaluation.systems import System
from selfdistill.studies.choosing.result import result


def compare_agreement(root: Path) -> ChosenByAgreement:
    """Agreement of every system that drew several samples a problem; writes agreement.json, and the report anew.

    Args:
        root: a run with a finished evaluation.

    Returns:
        What agreement.json holds (docs/agreement.md).

    Raises:
        UserError: the evaluation is not finished, drew one sample a problem, or is not of programs.
    """
    directory = RunDirectory(root)
    if not finished(directory, "grade"):
        raise UserError("has no finished evaluation", where=root, fix=f"run selfdistill evaluate {root}")
    recipe = read_recipe(directory)
    problems = load_problems(recipe.evaluation)
    if recipe.evaluation.samples_per_problem < 2:
        raise UserError("one sample a problem agrees with none", where="evaluation.samples_per_problem")
    if all(isinstance(problem.tests, (PredictionTests, SchemaTests)) for problem in problems):
        raise UserError(f"the answers of {recipe.evaluation.benchmark} are no programs", where="evaluation.benchmark")
    settings = statement_inputs(recipe.training.agreement)
    check(directory, "evaluation")
    check(directory, "agreement", whole=False)
    systems = read_systems(directory)
    with exclusive(directory):
        drawn = [system for system in systems if not system.stages[-1].greedy]
        found = {each.name: _records(recipe, directory, each, problems, settings) for each in drawn}
        compared = result(recipe, directory, systems, [problem.task_id for problem in problems], found, settings)
        write_json(directory.agreement, compared)
        seal(directory, "agreement")
        reporting.write_report(directory)
    return compared


def statement_inputs(settings: AgreementSettings) -> AgreementSettings:
    """The settings without inputs that a model would have to write: nothing is generated here."""
    sources = tuple(source for source in settings.inputs if source != "model") or ("examples", "mutations", "types")
    return settings.model_copy(update={"inputs": sources})


def problem_asks(problem: Problem) -> Asked:
    """What a benchmark's problem asks for, by its statement; its tests say no more than the function's name."""
    tests = problem.tests
    if isinstance(tests, (PredictionTests, SchemaTests)):
        return Asked("", None)
    name = tests.entry_point if isinstance(tests, (CallTests, AssertTests, DoctestTests)) else None
    asked = asked_of(problem.statement, problem.starter_code, name)
    return replace(asked, prelude=isinstance(tests, CallTests))


def _records(
    recipe: Recipe, directory: RunDirectory, system: System, problems: Sequence[Problem], settings: AgreementSettings
) -> dict[str, Agreement]:
    """One record a problem, from the system's file; what is missing is found now."""
    path = directory.system_agreements(system.name)
    known = {record.key: record for record in read_records(path, Agreement)}
    missing = [problem for problem in problems if problem.task_id not in known]
    if missing:
        candidates = _candidates(recipe, directory, system, missing)
        found = list(agreements(candidates, settings, recipe.evaluation.grading, recipe.seed))
        append_records(path, found)
        known |= {record.key: record for record in found}
    return known


def _candidates(
    recipe: Recipe, directory: RunDirectory, system: System, problems: Sequence[Problem]
) -> list[Candidates]:
    grading, chat = recipe.evaluation.grading, load_renderer(recipe.model, recipe.prompts)[0].chat
    by_id = {problem.task_id: problem for problem in problems}
    programs: dict[str, list[tuple[int, str | None]]] = {task_id: [] for task_id in by_id}
    for sample in read_records(directory.system_samples(system.name), Sample):
        problem = by_id.get(sample.prompt_id)
        if problem is not None:
            answer = answer_of(problem, sample.text, "", chat=chat, answers=grading.answers, rules=grading.rules)
            programs[sample.prompt_id].append((sample.sample_index, answer.program))
    return [
        Candidates(
            key=task_id,
            asked=problem_asks(by_id[task_id]),
            programs=tuple(program for _, program in own),
            indices=tuple(index for index, _ in own),
        )
        for task_id, own in programs.items()
    ]
