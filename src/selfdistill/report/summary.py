"""summary.json: every number of a run's report, from the files of its directory.

Everything outside `cost` and `provenance` is a function of the recipe and the data alone: a resumed run has the same
summary as an undisturbed one. Scores are fractions; undefined ones are null. docs/report.md describes the format.

Draws and renders nothing (`charts`, `html`), and runs no program.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from selfdistill import files
from selfdistill.checked import checked
from selfdistill.directory import RunDirectory
from selfdistill.measure.comparisons import Comparison, best, comparisons, find
from selfdistill.measure.estimates import Measured, groups, measure
from selfdistill.measure.evaluated import Completions, Evaluated, describe, read_evaluation
from selfdistill.measure.scores import score_tables
from selfdistill.measure.statistics import HOW, Estimate, means
from selfdistill.measure.words import VERDICTS
from selfdistill.report.answer import answer
from selfdistill.report.claims import subject
from selfdistill.report.contamination import contamination
from selfdistill.report.cost import cost
from selfdistill.report.endings import described, endings
from selfdistill.report.estimated import estimated, rounded
from selfdistill.report.examples import examples
from selfdistill.report.frontier import frontier
from selfdistill.report.hindsight import Pairs, all_pairs, allow_for_choices, shown_frontier
from selfdistill.report.parts import ComparedScore, Data, LoggedStep
from selfdistill.report.regressions import regressions
from selfdistill.report.results import JsonObject
from selfdistill.report.rules import answer_rules
from selfdistill.report.summarised import ComparisonRow, Frontier, LineupRow, OutcomeShare, Summary, SystemRow
from selfdistill.report.unchecked import unchecked
from selfdistill.report.wording import OF_TWO, of_run
from selfdistill.steps.evaluation.systems import System

FORMAT = 1
_ELSEWHERE = ("recipe", "stages", "files", "checksum", "compared")
"""Keys of the manifest that the summary has in other places, or not at all."""


@checked
def build_summary(run_dir: Path) -> Summary:
    """Everything that the report says about a run.

    Args:
        run_dir: a run directory whose evaluation is finished.

    Raises:
        UserError: there is no evaluation, it is not finished, or a file is broken.
    """
    directory = RunDirectory(run_dir)
    manifest = files.read_json(directory.manifest)
    recipe, seed = manifest["recipe"], manifest["recipe"]["seed"]
    evaluation = read_evaluation(directory, recipe["evaluation"].get("max_new_tokens"))
    evaluated = evaluation.evaluated
    scores = score_tables(evaluation, sorted(recipe["evaluation"]["pass_at"]))
    systems, tables = scores.systems, scores.tables
    averages = {name: means(table).tolist() for name, table in tables.items()}
    compared = comparisons(systems, averages)
    masks = groups(evaluation.problems)
    measures = list(tables)
    pairs = {name: all_pairs(systems, table, seed) for name, table in tables.items()}
    measured = allow_for_choices(measure(tables, masks, compared, seed), compared, pairs)
    # Rounded before anything is put into words: a title and a table must not round one number in two ways.
    listed = rounded([_comparison(compared, index, evaluated, measured) for index in range(len(compared))])
    base, student = find(systems, "base", "default"), find(systems, "student", "default")
    pair = (evaluated[base], evaluated[student]) if base is not None and student is not None else None
    samples = _samples(directory, recipe)
    compared_models = manifest.get("compared")
    words = OF_TWO if compared_models else of_run(subject(recipe))
    summary: Summary = {
        "format": FORMAT,
        "name": recipe["name"],
        "compared": compared_models,
        "answer": answer(listed, measures, recipe["evaluation"]["samples_per_problem"], words),
        "measures": measures,
        "groups": {name: int(mask.sum()) for name, mask in masks.items()},
        "intervals": HOW,
        "comparisons": listed,
        "lineup": _lineup(evaluated, averages[measures[0]]),
        "systems": [_system(each, index, measured) for index, each in enumerate(evaluated)],
        "frontier": _frontier(systems, averages, pairs, measures[0], measures[-1]),
        "endings": endings(evaluated, samples, pair, recipe, trained=not compared_models),
        "rules": answer_rules(evaluated, pair),
        "outcomes": _outcomes(*pair) if pair else None,
        "examples": examples(evaluation, *pair, seed) if pair else None,
        "data": _data(directory, samples),
        "contamination": contamination(directory, scores, _headline(compared), seed),
        "decoding_baselines": _json_if_there(directory.decoding_baselines),
        "agreement": _json_if_there(directory.agreement),
        "regressions": regressions(directory, listed, measures, seed),
        "training": {"log": _training_log(directory)},
        "recipe": recipe,
        "links": {"explain": directory.explanation_page.name if directory.explanation_page.exists() else None},
        "provenance": {key: value for key, value in manifest.items() if key not in _ELSEWHERE},
        "cost": cost(manifest["stages"]),
        "unchecked": [],
    }
    summary["unchecked"] = unchecked(summary)
    return rounded(summary)


def _frontier(
    systems: Sequence[System],
    averages: Mapping[str, Sequence[float]],
    pairs: Mapping[str, Pairs | None],
    first: str,
    last: str,
) -> Frontier | None:
    found = frontier(systems, averages[first], averages[last]) if first != last else None
    return found and {**found, "shown": shown_frontier(pairs[first], pairs[last])}


def _headline(compared: Sequence[Comparison]) -> Comparison | None:
    return next((comparison for comparison in compared if comparison.kind == "default"), None)


def _comparison(
    compared: Sequence[Comparison], index: int, evaluated: Sequence[Evaluated], measured: Measured
) -> ComparisonRow:
    comparison = compared[index]
    scores: dict[str, dict[str, ComparedScore]] = {}
    for name, by_group in measured.comparisons.items():
        scores[name] = {}
        for group, differences in by_group.items():
            estimates = measured.systems[name][group]
            scores[name][group] = {
                "student": estimates[comparison.student].value,
                "base": estimates[comparison.base].value,
                "difference": estimated(differences[index]),
                "verdict": _verdict(differences[index]),
            }
    student, base = evaluated[comparison.student].system, evaluated[comparison.base].system
    return {
        "kind": comparison.kind,
        "picked_by": comparison.picked_by,
        "title": comparison.title,
        "chosen": comparison.chosen,
        "student": student.name,
        "student_title": student.title,
        "base": base.name,
        "base_title": base.title,
        "scores": scores,
    }


def _verdict(difference: Estimate) -> str:
    return VERDICTS[difference.sign] if difference.problems else "not measured"


def _system(each: Evaluated, index: int, measured: Measured) -> SystemRow:
    scores = {
        name: {group: estimated(estimates[index]) for group, estimates in by_group.items()}
        for name, by_group in measured.systems.items()
    }
    return {
        "name": each.system.name,
        "title": each.system.title,
        "model": each.system.model,
        "roles": list(each.system.roles),
        "stages": [stage.model_dump() for stage in each.system.stages],
        "scores": scores,
        "outcomes": _by_count(each.outcomes),
        "exceptions": _by_count(each.exceptions),
        "completions": described(each.completions),
    }


def _by_count(counter: Counter[str]) -> dict[str, int]:
    return dict(sorted(counter.items(), key=lambda item: (-item[1], item[0])))


def _outcomes(base: Evaluated, student: Evaluated) -> list[OutcomeShare]:
    """Kinds of outcome under the default decodings, as shares of all programs; passed first, then the most frequent."""
    before, after = base.outcomes, student.outcomes
    shares: list[OutcomeShare] = [
        {"kind": kind, "base": before[kind] / before.total(), "student": after[kind] / after.total()}
        for kind in before | after
    ]
    return sorted(shares, key=lambda row: (row["kind"] != "passed", -row["base"] - row["student"], row["kind"]))


def _lineup(evaluated: Sequence[Evaluated], means: Sequence[float]) -> list[LineupRow]:
    """The few systems that the bars show: each with a short label for readers and its kind; no system twice.

    `means` are of the first measure: by it the base's best is picked.
    """
    systems = [each.system for each in evaluated]
    of_base = {mean for system, mean in zip(systems, means, strict=True) if system.model == "base"}
    top = best(systems, means, "base") if len(of_base) > 1 else None  # of equals none is the best
    wanted = [
        ("base, default", "base", find(systems, "base", "default")),
        ("base, sampling", "other", find(systems, "base", "sampling")),
        ("base, preview", "other", find(systems, "base", "preview")),
        ("base, best", "other", top),
        ("student", "student", find(systems, "student", "default")),
    ]
    lineup: dict[int, LineupRow] = {}
    for text, kind, position in wanted:
        if position is not None and position not in lineup:
            mark = " (best)" if position == top and text != "base, best" else ""
            lineup[position] = {"label": text + mark, "kind": kind, "system": systems[position].name}
    return list(lineup.values())


def _samples(directory: RunDirectory, recipe: JsonObject) -> Completions | None:
    path = directory.samples
    return describe(path, recipe["sampling"].get("max_new_tokens")) if path.exists() else None


def _data(directory: RunDirectory, samples: Completions | None) -> Data:
    """Statistics of prompts, samples and training data; None for what the run directory does not have."""
    return {
        "prompts": _json_if_there(directory.prompt_counts),
        "samples": described(samples) if samples else None,
        "training": _json_if_there(directory.training_data),
    }


def _json_if_there(path: Path) -> Any:
    return files.read_json(path) if path.exists() else None


def _training_log(directory: RunDirectory) -> list[LoggedStep]:
    """One entry a step, without its time; a step repeated after a crash counts as it was done last."""
    lines = files.read_records(directory.training_log, dict)
    steps: dict[int, LoggedStep] = {}
    for line in lines:
        steps[line["step"]] = {"step": line["step"], "loss": line["loss"], "learning_rate": line["learning_rate"]}
    return [steps[step] for step in sorted(steps)]
