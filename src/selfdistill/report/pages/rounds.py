"""rounds.html from rounds.json."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from selfdistill.measure.words import number, percent, percent_interval, point_interval
from selfdistill.report.charts.style import BASE, MUTED, STUDENT, canvas, round_ticks, svg, widen
from selfdistill.report.pages.page import Page, Section, Table, table
from selfdistill.report.results import Round, Rounds

Measured = Literal["distinct_programs", "entropy", "kept_mass"]
_WATCHED: dict[Measured, str] = {
    "distinct_programs": "different programs, share of all",
    "entropy": "entropy a token, nats",
    "kept_mass": "mass on the first base's support",
}


def rounds_page(summary: Rounds) -> Page:
    """Does another round help, and does the model collapse?"""
    measures = summary["measures"]
    last, first = summary["rounds"][-1], summary["rounds"][0]
    gains = last["minus_base"]
    assert gains is not None  # only the first base has none
    settings = summary["settings"]
    how = f"prompts: {settings['prompts']}; samples from the {settings['sample_from']}" + (
        f"; {percent(settings['mix_first'], 0)} of the first round's samples" if settings["mix_first"] else ""
    )
    fallen = last["distinct_programs"] / first["distinct_programs"] - 1
    lead = (
        f"{settings['count']} rounds ({how}), {summary['problems']} problems, {summary['seeds']} seeds. After the "
        "last round "
        + "; ".join(
            f"{measure} is {percent_interval(last['scores'][measure])} percent, "
            f"{point_interval(gains[measure])} points from the first base"
            for measure in measures
        )
        + f". Different programs among its answers changed by {number(100 * fallen, 0)} percent, entropy from "
        f"{number(first['entropy'], 2)} to {number(last['entropy'], 2)} nats a token.",
    )
    charts = [(measure, _scores_chart(summary["rounds"], measure)) for measure in measures]
    charts += [(title, _watched_chart(summary["rounds"], key, title)) for key, title in _WATCHED.items()]
    return Page(
        "Several rounds",
        f"{summary['name']}: {_answer(summary['rounds'], measures[0])}",
        lead,
        (Section("Round by round", (), tuple(charts), _table(summary)),),
    )


def _answer(rows: Sequence[Round], measure: str) -> str:
    first, last = rows[0], rows[-1]
    peak = max(rows, key=lambda row: row["scores"][measure]["value"])
    shown = peak["minus_base"] and peak["minus_base"][measure]["low"] > 0
    lost = 1 - last["distinct_programs"] / first["distinct_programs"]
    highest = f"{measure} is highest after round {peak['round']}" if shown else f"no round measurably raises {measure}"
    variety = f"{percent(lost, 0)} fewer" if lost > 0 else f"{percent(-lost, 0)} more"
    return f"{highest}; after {last['round']} there are {variety} different programs"


def _scores_chart(rows: Sequence[Round], measure: str) -> str:
    with canvas(230, margins=(34, 10, 44, 10)) as (figure, axes):
        x = [row["round"] for row in rows]
        y, low, high = ([100 * row["scores"][measure][key] for row in rows] for key in ("value", "low", "high"))
        axes.fill_between(x, low, high, color=STUDENT, alpha=0.15, linewidth=0)
        axes.plot(x, y, color=STUDENT, marker="o", linewidth=2)
        axes.axhline(y[0], color=BASE, linestyle=(0, (5, 2)), linewidth=1.25)
        axes.set_xlabel("round (0 is the first base)")
        widen(axes, "y", span=4.0)
        round_ticks(axes.yaxis)
        round_ticks(axes.xaxis, integer=True)
        axes.grid(axis="y")
        return svg(figure, f"rounds-{measure.replace('@', '-')}", f"{measure} in percent by round.")


def _watched_chart(rows: Sequence[Round], key: Measured, title: str) -> str:
    with canvas(200, margins=(40, 10, 44, 10)) as (figure, axes):
        axes.plot([row["round"] for row in rows], [row[key] for row in rows], color=MUTED, marker="o", linewidth=2)
        axes.set_xlabel("round (0 is the first base)")
        axes.margins(y=0.2)
        round_ticks(axes.yaxis)
        round_ticks(axes.xaxis, integer=True)
        axes.grid(axis="y")
        return svg(figure, f"rounds-{key.replace('_', '-')}", f"{title}, by round.")


def _table(summary: Rounds) -> Table:
    measures = summary["measures"]
    headings = ["round", *measures, *(f"{m} − first base" for m in measures), "different programs", "entropy", "kept"]
    rows = [
        [
            str(row["round"]) if row["round"] else "first base",
            *(percent_interval(row["scores"][measure]) for measure in measures),
            *(point_interval(row["minus_base"][measure]) if row["minus_base"] else "–" for measure in measures),
            percent(row["distinct_programs"], 0),
            number(row["entropy"], 3),
            percent(row["kept_mass"], 2),
        ]
        for row in summary["rounds"]
    ]
    return table(headings, rows)
