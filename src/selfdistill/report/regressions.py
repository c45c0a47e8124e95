"""What got worse: base and student on other tasks at equal decodings, beside the task that the student was trained for.

A gain is oriented so that more is better for the student: its share minus the base's, or the base's nats per token
minus its own (0.01 nats are about 1 % of perplexity). Paired by item.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from selfdistill import seeds
from selfdistill.directory import RunDirectory
from selfdistill.errors import UserError
from selfdistill.files import read_records
from selfdistill.measure.regressions.records import MODELS, Measured, Score
from selfdistill.measure.regressions.registry import read_measured
from selfdistill.measure.statistics import DIFFERENCE, SHARE, UNBOUNDED, intervals
from selfdistill.measure.words import VERDICTS, plural
from selfdistill.report.estimated import estimated
from selfdistill.report.parts import Measurement, Regressions, TaskRow
from selfdistill.report.results import Estimated
from selfdistill.report.summarised import ComparisonRow


def regressions(
    directory: RunDirectory, comparisons: Sequence[ComparisonRow], measures: Sequence[str], seed: int
) -> Regressions | None:
    """The summary's part on other tasks; None where none was measured.

    Args:
        directory: of the run; holds regressions/, if anything was measured.
        comparisons: of the summary; those at equal decodings show the task that was trained for.
        measures: of the summary, `pass@1` first.
        seed: the recipe's.
    """
    tasks = [task for task in read_measured(directory) if _finished(directory, task)]
    if not tasks:
        return None
    labels = dict.fromkeys(label for task in tasks for label in task.labels if label)
    rows = [row for task in tasks for row in _rows(directory, task, seed)]
    trained = [row for label in labels for row in _trained(comparisons, measures[0], label)]
    return {"sentences": _sentences(rows), "trained": trained, "tasks": rows}


def _finished(directory: RunDirectory, task: Measured) -> bool:
    return all(
        directory.regression_files(task.slug, model, decoding).scores.exists()
        for model in MODELS
        for decoding in task.decodings
    )


def _rows(directory: RunDirectory, task: Measured, seed: int) -> list[TaskRow]:
    rows: list[TaskRow] = []
    for decoding, label in zip(task.decodings, task.labels, strict=True):
        base, student = (_scores(directory.regression_files(task.slug, model, decoding).scores) for model in MODELS)
        if base.keys() != student.keys():
            raise UserError(
                "base and student were measured on different items",
                where=directory.regressions / task.slug,
                fix="delete this folder to measure the task anew",
            )
        table = np.array([[base[item], student[item]] for item in base], dtype=np.float64).reshape(-1, 2)
        sign = 1 if task.higher_is_better else -1
        columns = np.hstack([table, sign * (table[:, 1:] - table[:, :1])])
        generator = seeds.generator(seed, "report", "others", task.slug, decoding)
        shares = task.measure == "share" and not ((table < 0) | (table > 1)).any()
        bounds = (SHARE, SHARE, DIFFERENCE) if shares else (UNBOUNDED,) * 3
        before, after, gain = map(estimated, intervals(columns, generator, bounds))
        row = _row(task.title, task.score, task.measure, label, before, after, gain)  # type: ignore[arg-type]
        rows.append({**row, "name": task.name})
    return rows


def _scores(path: Path) -> dict[str, float]:
    return {score.item: np.nan if score.value is None else score.value for score in read_records(path, Score)}


def _trained(comparisons: Sequence[ComparisonRow], measure: str, label: str) -> list[TaskRow]:
    """The evaluation's own benchmark at this decoding, where both models were evaluated at it."""
    for each in comparisons:
        if (each["base_title"], each["student_title"]) == (f"base, {label}", f"student, {label}"):
            score = each["scores"][measure]["all"]
            base: Measurement = {"value": score["base"], "low": None, "high": None}
            student: Measurement = {"value": score["student"], "low": None, "high": None}
            return [_row("the task trained for", measure, "share", label, base, student, score["difference"])]
    return []


def _row(
    title: str,
    score: str,
    measure: str,
    decoding: str,
    base: Measurement,
    student: Measurement,
    gain: Estimated,
) -> TaskRow:
    sign = int((gain["low"] or 0) > 0) - int((gain["high"] or 0) < 0)
    return {
        "title": title,
        "score": score,
        "measure": measure,
        "decoding": decoding,
        "base": base,
        "student": student,
        "gain": gain,
        "verdict": VERDICTS[sign] if gain["problems"] else "not measured",
    }


def _sentences(rows: Sequence[TaskRow]) -> list[str]:
    worse, better = ([row for row in rows if row["verdict"] == verdict] for verdict in ("worse", "better"))
    return [
        f"Of {plural(len(rows), 'comparison')} on other tasks the student is measurably worse in {_named(worse)}.",
        f"It is measurably better in {_named(better)}.",
    ]


def _named(rows: Sequence[TaskRow]) -> str:
    names = [row["title"] + (f" ({row['decoding']})" if row["decoding"] else "") for row in rows]
    return f"{len(rows):,}: {'; '.join(names)}" if rows else "none"
