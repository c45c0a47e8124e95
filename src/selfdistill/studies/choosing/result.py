"""agreement.json: what choosing by agreement scores, against one sample and against greedy, by the same verdicts.

Scores are fractions. Runs no program and prints nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from selfdistill import seeds
from selfdistill.agreement.groups import largest
from selfdistill.agreement.keep import has_group
from selfdistill.agreement.records import Agreement
from selfdistill.directory import RunDirectory
from selfdistill.files import read_records
from selfdistill.measure.statistics import DIFFERENCE, HOW, SHARE, intervals
from selfdistill.recipe.agreement import AgreementSettings
from selfdistill.recipe.schema import Recipe
from selfdistill.records import Outcome, Verdict
from selfdistill.report.compared import AgreementRow, ChosenByAgreement
from selfdistill.report.estimated import estimated, rounded
from selfdistill.steps.evaluation.systems import System
from selfdistill.studies.choosing.words import answers

FORMAT = 1


def result(
    recipe: Recipe,
    directory: RunDirectory,
    systems: Sequence[System],
    task_ids: Sequence[str],
    found: Mapping[str, Mapping[str, Agreement]],
    settings: AgreementSettings,
) -> ChosenByAgreement:
    """Everything that the comparison says.

    Args:
        recipe: the run's.
        directory: where the verdicts are.
        systems: all that were evaluated.
        task_ids: the problems.
        found: by the names of the systems that drew several samples: by problem, its groups.
        settings: which share counts as sure.
    """
    passed = {system.name: _passed(directory, system) for system in systems}
    alone = {name: np.array([_mean(own.get(task_id, {})) for task_id in task_ids]) for name, own in passed.items()}
    rows = []
    for system in systems:
        if system.name in found:
            records = [found[system.name][task_id] for task_id in task_ids]
            own = passed[system.name]
            chosen = np.array([chosen_passes(record, own.get(record.key, {})) for record in records])
            rivals = {"one sample": alone[system.name], **{name: alone[each] for name, each in _rivals(systems)}}
            rows.append(_row(system, records, chosen, rivals, settings, recipe.seed))
    compared: ChosenByAgreement = {
        "format": FORMAT,
        "seed": recipe.seed,
        "samples": recipe.evaluation.samples_per_problem,
        "problems": len(task_ids),
        "inputs": list(settings.inputs),
        "sure_share": settings.min_share,
        "intervals": HOW,
        "rows": rows,
    }
    return {**compared, "answers": answers(compared)}


def chosen_passes(record: Agreement, passed: Mapping[int, bool]) -> float:
    """The chance that an answer of the largest group passes, of groups of equal size any; NaN where none is judged.

    Args:
        record: the problem's groups. Without any, every answer may be chosen.
        passed: by sample index, of those that were judged.
    """
    members = [index for index in largest(record.groups) if index in passed]
    return _mean({index: passed[index] for index in members} or passed)


def _mean(passed: Mapping[int, bool]) -> float:
    return float(np.mean(list(passed.values()))) if passed else float("nan")


def _passed(directory: RunDirectory, system: System) -> dict[str, dict[int, bool]]:
    """By problem and sample index, whether it passes; harness errors are left out."""
    found: dict[str, dict[int, bool]] = {}
    for verdict in read_records(directory.system_verdicts(system.name), Verdict):
        if verdict.outcome is not Outcome.HARNESS_ERROR:
            found.setdefault(verdict.task_id, {})[verdict.sample_index] = verdict.passed
    return found


def _rivals(systems: Sequence[System]) -> list[tuple[str, str]]:
    """What agreement is compared with, each one sample a problem: words for it, and the system's name."""
    wanted = [
        (words, system.name)
        for words, model, greedy in (("base, greedy", "base", True), ("student, greedy", "student", True))
        for system in systems
        if system.model == model and len(system.stages) == 1 and system.stages[-1].greedy is greedy
    ]
    own = [("student", system.name) for system in systems if system.model == "student" and "default" in system.roles]
    return [*wanted, *own]


def _row(
    system: System,
    records: Sequence[Agreement],
    chosen: np.ndarray,
    rivals: Mapping[str, np.ndarray],
    settings: AgreementSettings,
    seed: int,
) -> AgreementRow:
    columns = np.column_stack([chosen, *rivals.values(), *(chosen - rival for rival in rivals.values())])
    bounds = [SHARE] * (1 + len(rivals)) + [DIFFERENCE] * len(rivals)
    estimates = intervals(columns, seeds.generator(seed, "agreement", system.name), bounds)
    plain = [rounded(estimated(estimate)) for estimate in estimates]
    sure = [score for record, score in zip(records, chosen, strict=True) if has_group(record, settings)]
    return {
        "system": system.name,
        "title": system.title,
        "model": system.model,
        "agreement": plain[0],
        "rivals": dict(zip(rivals, plain[1 : 1 + len(rivals)], strict=True)),
        "differences": dict(zip(rivals, plain[1 + len(rivals) :], strict=True)),
        "with_inputs": sum(bool(record.inputs) for record in records),
        "sure": {"problems": len(sure), "value": rounded(float(np.nanmean(sure))) if sure else None},
        "programs": sum(record.programs for record in records),
        "seconds": round(sum(record.seconds for record in records), 1),
    }
