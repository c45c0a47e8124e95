"""arms.html and method-baselines.html: what each arm gains over the base, on what, and what it costs and needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from selfdistill.measure.words import VERDICTS, number, percent, percent_interval, point_interval
from selfdistill.report.arm_results import Arms, ArmScores
from selfdistill.report.charts.differences import differences
from selfdistill.report.pages.page import Page, Section, Table, table


def arms_page(summary: Arms, kicker: str) -> Page:
    """Two tables over all problems, two for each set of them, and one of cost."""
    measures = summary["measures"]
    first = measures[0]
    titles = {row["arm"]: row["title"] for row in summary["arms"]}
    top = max(titles, key=lambda arm: summary["students"][arm]["scores"][first]["value"])
    score, gain = (summary["students"][top][key][first] for key in ("scores", "gain"))
    seeds = len({seed for row in summary["arms"] for seed in row["seeds"]})
    lead = (
        f"Base {percent_interval(summary['base'][first])} percent {first}. Highest: {titles[top]}, "
        f"{percent_interval(score)}. What a row does not name is the same throughout; "
        f"{summary['problems']} problems, {seeds} seeds, paired 95 % intervals by problem.",
    )
    charts = tuple(
        (f"{measure} over the base", differences(_gains(summary, titles, measure), measure, what="arm minus base"))
        for measure in measures
    )
    sections = [
        Section("Every arm", (), charts, _defaults(summary, titles, measures, summary["reference"])),
        Section(
            "Against the base’s best decoding", (_of_base(summary, measures),), (), _best(summary, titles, measures)
        ),
    ]
    for name, scores in summary["sets"].items():
        text = (_of_base(scores, measures),)
        sections += [
            Section(
                f"{name}: {scores['problems']} problems",
                text,
                (),
                _defaults(scores, titles, measures, summary["reference"]),
            ),
            Section(f"{name}: against the base’s best", (), (), _best(scores, titles, measures)),
        ]
    sections.append(Section("What it takes", (), (), _cost(summary)))
    found = f"{titles[top]}: {point_interval(gain)} points of {first}"
    if gain["low"] > 0:
        title = f"{summary['name']}, {found}{', the most' if len(titles) > 1 else ''}"
    else:
        title = f"{summary['name']}: no arm measurably gains; {found}"
    return Page(kicker, title, lead, tuple(sections))


def _gains(scores: ArmScores, titles: Mapping[str, str], measure: str) -> list[tuple[str, dict[str, Any]]]:
    rows = []
    for arm, title in titles.items():
        gain = scores["students"][arm]["gain"][measure]
        sign = int(gain["low"] > 0) - int(gain["high"] < 0)
        rows.append((title, {"difference": gain, "verdict": VERDICTS[sign]}))
    return rows


def _defaults(scores: ArmScores, titles: Mapping[str, str], measures: Sequence[str], reference: str) -> Table:
    """Each student at its default decoding."""
    first = measures[0]
    headings = ["student", *measures, *(f"{m} − base" for m in measures), f"{first} − {reference}"]
    cells = [["base", *(percent_interval(scores["base"][m]) for m in measures), *("–" for _ in measures), "–"]]
    for arm, title in titles.items():
        own = scores["students"][arm]
        other = own["minus_reference"]
        cells.append(
            [
                title,
                *(percent_interval(own["scores"][m]) for m in measures),
                *(point_interval(own["gain"][m]) for m in measures),
                point_interval(other[first]) if other else "–",
            ]
        )
    return table(headings, cells)


def _best(scores: ArmScores, titles: Mapping[str, str], measures: Sequence[str]) -> Table:
    """Each student's best decoding against the base's, and greedy against greedy."""
    headings = ["student", *(f"best {m}" for m in measures), *(f"{m} − the base’s best" for m in measures)]
    headings += [f"{measures[0]}: greedy − greedy", *(f"its decoding, {m}" for m in measures)]
    cells = []
    for arm, title in titles.items():
        own = scores["students"][arm]
        cells.append(
            [
                title,
                *(percent_interval(own["best"][m]["score"]) for m in measures),
                *(point_interval(own["best"][m]["minus_base_best"]) for m in measures),
                point_interval(own["greedy_gain"][measures[0]]) if own["greedy_gain"] else "–",
                *(own["best"][m]["title"] for m in measures),
            ]
        )
    return table(headings, cells)


def _of_base(scores: ArmScores, measures: Sequence[str]) -> str:
    best = "; ".join(
        f"{m}: {scores['base_best'][m]['title']}, {percent_interval(scores['base_best'][m])}" for m in measures
    )
    greedy = scores["base_greedy"]
    own = f" Its greedy one: {percent_interval(greedy[measures[0]])}." if greedy else ""
    return f"The base’s best: {best}.{own} Each side’s best was picked on these problems, so both flatter themselves."


def _cost(summary: Arms) -> Table:
    headings = ["student", "needs", "seeds", "sequences", "seconds: sampling + training", "different programs"]
    return table(
        headings,
        [
            [
                row["title"],
                row["needs"],
                ", ".join(map(str, row["seeds"])),
                number(row["sequences"], 0),
                f"{number(row['sampling_seconds'], 0)} + {number(row['training_seconds'], 0)}",
                percent(row["distinct_programs"]),
            ]
            for row in summary["arms"]
        ],
    )
