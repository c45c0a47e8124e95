"""method-baselines.html from method-baselines.json."""

from __future__ import annotations

from typing import Any

from selfdistill.measure.words import VERDICTS, number, percent_interval, point_interval
from selfdistill.report.charts.differences import differences
from selfdistill.report.pages.page import Page, Section, table
from selfdistill.report.results import MethodBaselines, MethodRow


def method_baselines_page(summary: MethodBaselines) -> Page:
    """One table: what each method gains over the base, and what it costs and needs."""
    measures = summary["measures"]
    rows = summary["methods"]
    top = max(rows, key=lambda row: row["scores"][measures[0]]["value"])
    lead = (
        f"Base {percent_interval(summary['base'][measures[0]])} percent {measures[0]}. Highest: {top['title']}, "
        f"{percent_interval(top['scores'][measures[0]])}. Same prompts, samples, optimizer and decodings throughout; "
        f"{summary['problems']} problems, {len(summary['seeds'])} seeds, paired 95 % intervals by problem.",
    )
    charts = tuple(
        (
            f"{measure} over the base",
            differences([_row(row, measure) for row in rows], measure, what="method minus base"),
        )
        for measure in measures
    )
    headings = ["method", "needs", *measures, *(f"{m} − base" for m in measures), f"{measures[0]} − SSD"]
    headings += ["sequences", "seconds: sampling + training"]
    cells = [
        [
            row["title"],
            row["uses"],
            *(percent_interval(row["scores"][measure]) for measure in measures),
            *(point_interval(row["gain"][measure]) for measure in measures),
            point_interval(row["minus_ssd"][measures[0]]) if "minus_ssd" in row else "–",
            number(row["sequences"], 0),
            f"{number(row['sampling_seconds'], 0)} + {number(row['training_seconds'], 0)}",
        ]
        for row in rows
    ]
    best_headings = ["method", *(f"best {m}" for m in measures), *(f"{m} − the base’s best" for m in measures)]
    best_headings += [f"{measures[0]}: greedy − greedy", *(f"its decoding, {m}" for m in measures)]
    best_cells = [
        [
            row["title"],
            *(percent_interval(row["best"][m]["score"]) for m in measures),
            *(point_interval(row["best"][m]["minus_base_best"]) for m in measures),
            point_interval(row["greedy_gain"][measures[0]]) if row["greedy_gain"] else "–",
            *(row["best"][m]["title"] for m in measures),
        ]
        for row in rows
    ]
    base_best = "; ".join(
        f"{m}: {summary['base_best'][m]['title']}, {percent_interval(summary['base_best'][m])}" for m in measures
    )
    sections = (
        Section("Every method", (), charts, table(headings, cells)),
        Section(
            "Against the base’s best decoding",
            (f"The base’s: {base_best}. Each side’s best was picked on these problems, so both flatter themselves.",),
            (),
            table(best_headings, best_cells),
        ),
    )
    gain = point_interval(top["gain"][measures[0]])
    most = ", the most" if len(rows) > 1 else ""
    title = f"{summary['name']}, {top['title']}: {gain} points of {measures[0]}{most}"
    return Page("Against related methods", title, lead, sections)


def _row(row: MethodRow, measure: str) -> tuple[str, dict[str, Any]]:
    gain = row["gain"][measure]
    sign = int(gain["low"] > 0) - int(gain["high"] < 0)
    return row["title"], {"difference": gain, "verdict": VERDICTS[sign]}
