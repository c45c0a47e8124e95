"""sweep.html from sweep.json."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from selfdistill.measure.words import number, percent_interval, point_interval
from selfdistill.report.charts.sweep import effective_temperature_chart, heat_map
from selfdistill.report.pages.page import Page, Section, Table, table
from selfdistill.report.results import BaseRow, Sweep, SweepPoint

Row = TypeVar("Row", BaseRow, SweepPoint)


def sweep_page(summary: Sweep) -> Page:
    """The answer first: which setting is best, by how much over the base's best point, and that it was picked."""
    measures = summary["measures"]
    top = best(summary["points"], measures[0])
    rival = best(summary["base"], measures[0])
    gain = point_interval(top["minus_base_best"][measures[0]])
    seeds = f"{len(summary['seeds'])} seed{'s' if len(summary['seeds']) > 1 else ''}"
    lead = (
        f"Best student: T_train {top['t_train']:g}, truncation {top['truncation']}, T_eval "
        f"{t_eval_words(top['t_eval'])}: {percent_interval(top['scores'][measures[0]])} percent {measures[0]}. Best "
        f"point of the base's own sweep: T_eval {t_eval_words(rival['t_eval'])}, "
        f"{percent_interval(rival['scores'][measures[0]])}. Difference {gain} points.",
        f"{summary['problems']} problems, {seeds}, 95 % intervals by problem. Both bests were picked on these problems "
        "and flatter themselves: settle on a setting here, and judge it on other problems.",
    )
    return Page(
        "Sweep over T_train, truncation and T_eval",
        f"{summary['name']}: T_train {top['t_train']:g} and T_eval {t_eval_words(top['t_eval'])} score highest",
        lead,
        (
            Section(
                "Effective temperature",
                tuple(_fit_words(summary)),
                tuple((measure, effective_temperature_chart(summary, measure)) for measure in measures),
            ),
            Section(
                "T_train against T_eval",
                ("The student's score in percent; rows are T_train, columns T_eval.",),
                tuple(
                    (f"{measure}, truncation {truncation}", heat_map(summary["points"], truncation, measure))
                    for truncation in summary["fits"]
                    for measure in measures
                ),
            ),
            Section("Every point", (), (), _points(summary)),
            Section("The base's own sweep", (), (), _base(summary)),
        ),
    )


def _fit_words(summary: Sweep) -> list[str]:
    found = []
    for truncation, fits in summary["fits"].items():
        for measure, each in fits.items():
            if each is None:
                continue
            r_squared = number(each["r_squared"], 2) if each["r_squared"] is not None else "undefined"
            peak = f"its peak is at T_eff {number(each['peak'], 2)}" if each["peak"] is not None else "it has no peak"
            found.append(f"Truncation {truncation}, {measure}: the quadratic fit has R² {r_squared}; {peak}.")
    return found or ["Too few temperatures for a quadratic fit."]


def _points(summary: Sweep) -> Table:
    measures = summary["measures"]
    headings = ["T_train, truncation, T_eval", "T_eff", *measures]
    headings += [f"{m} − base, same T_eval" for m in measures] + [f"{measures[0]} − base's best"]
    rows = [
        [
            f"{p['t_train']:g}, {p['truncation']}, {t_eval_words(p['t_eval'])}",
            f"{p['t_eff']:.2f}",
            *(percent_interval(p["scores"][measure]) for measure in measures),
            *(point_interval(p["minus_base_at_t_eval"][measure]) for measure in measures),
            point_interval(p["minus_base_best"][measures[0]]),
        ]
        for p in summary["points"]
    ]
    return table(headings, rows)


def _base(summary: Sweep) -> Table:
    measures = summary["measures"]
    rows = [
        [t_eval_words(row["t_eval"]), *(percent_interval(row["scores"][measure]) for measure in measures)]
        for row in summary["base"]
    ]
    return table(["T_eval", *measures], rows)


def t_eval_words(temperature: float) -> str:
    """`greedy` for 0, else the number."""
    return "greedy" if temperature == 0 else f"{temperature:g}"


def best(rows: Sequence[Row], measure: str) -> Row:
    """The row with the highest score."""
    return max(rows, key=lambda row: row["scores"][measure]["value"])
