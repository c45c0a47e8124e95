"""Which charts a summary gives, and what each is drawn from. The drawing is in `charts`."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from selfdistill.decoding.families import PLAIN
from selfdistill.recipe.decoding import GREEDY_BELOW
from selfdistill.report.answer import pick
from selfdistill.report.charts.bars import bars
from selfdistill.report.charts.curves import MARKERS, Curves, Point, frontier_chart, temperature_curve
from selfdistill.report.charts.decoding_baselines import decoding_baselines
from selfdistill.report.charts.differences import differences
from selfdistill.report.charts.outcomes import outcomes
from selfdistill.report.charts.training import training_curve

Summary = dict[str, Any]

RIVALS = {
    "default": "default decoding",
    "best": "best in hindsight",
    "preview": "ideal-fit preview",
    "sampling": "sampling settings",
}
"""Kinds of comparison in the answer's chart, each a decoding of the base, and their names where they stand alone."""


def figures(summary: Summary) -> dict[str, Any]:
    """Inline SVG by name; a list where there is one chart a measure; None where there is no data for it."""
    measures = summary["measures"]
    shown: dict[str, Any] = dict.fromkeys(("differences", "outcomes", "curves", "frontier", "training", "regressions"))
    shown["bars"] = [_bars(summary, measure) for measure in measures]
    if summary["comparisons"]:
        shown["differences"] = [_differences(summary, measure) for measure in measures]
        shown["outcomes"] = Markup(
            outcomes([(row["kind"], row["base"], row["student"]) for row in summary["outcomes"]])
        )
    curves = _curves(summary)
    if any(len(points) > 1 for points in curves.lines.values()):
        shown["curves"] = [Markup(temperature_curve(curves, measure)) for measure in measures]
        if summary["frontier"]:
            shown["frontier"] = Markup(frontier_chart(curves, measures[0], measures[-1]))
    if summary["decoding_baselines"]:
        shown["decoding_baselines"] = [
            _decoding_baselines(summary["decoding_baselines"], measure)
            for measure in summary["decoding_baselines"]["measures"]
        ]
    if summary["training"]["log"]:
        steps, losses = ([line[key] for line in summary["training"]["log"]] for key in ("step", "loss"))
        shown["training"] = Markup(training_curve(steps, losses))
    if summary.get("regressions"):
        shown["regressions"] = _regressions(summary["regressions"])
    return shown


def _regressions(found: dict[str, Any]) -> Markup:
    rows = [
        (
            ", ".join(filter(None, [row["title"], row["decoding"].partition(", ")[0]])),  # the table has it in full
            {"difference": row["gain"], "verdict": row["verdict"]},
        )
        for row in found["trained"] + found["tasks"]
        if row["measure"] != "other"  # it would share no axis with the rest
    ]
    what = "more is better for the student; percentage points, or hundredths of a nat per token"
    return Markup(differences(rows, "other tasks", what=what, axis="points, or hundredths of a nat a token"))


def _differences(summary: Summary, measure: str) -> Markup:
    rivals: dict[str, tuple[list[str], dict[str, Any]]] = {}
    scores = {each["scores"][measure]["all"]["value"] for each in summary["systems"] if each["model"] == "base"}
    for kind in RIVALS:
        if kind == "best" and len(scores) == 1:  # of equals none is the best
            continue
        comparison = pick(summary["comparisons"], kind, measure if kind == "best" else "")
        if comparison:
            score = comparison["scores"][measure]["all"]
            rivals.setdefault(comparison["base"], ([], score))[0].append(kind)
    rows = [
        (f"base, {RIVALS[kinds[0]] if len(kinds) == 1 else ' = '.join(kinds)}", score)
        for kinds, score in rivals.values()
    ]
    return Markup(differences(rows, measure))


def _decoding_baselines(compared: dict[str, Any], measure: str) -> Markup:
    rows = [row for row in compared["rows"] if row["measure"] == measure]
    ssd = next(row["student"]["test"]["value"] for row in rows if row["family"] == PLAIN)
    return Markup(
        decoding_baselines([(row["family"], row["base"]["test"], row["student"]["test"]) for row in rows], ssd, measure)
    )


def _bars(summary: Summary, measure: str) -> Markup:
    blocks = {}
    for group, problems in summary["groups"].items():
        heading = f"{'all problems' if group == 'all' else group} ({problems:,})"
        blocks[heading.capitalize()] = [
            (entry["label"], entry["kind"], _system(summary, entry["system"])["scores"][measure][group])
            for entry in summary["lineup"]
        ]
    return Markup(bars(blocks, measure))


def _curves(summary: Summary) -> Curves:
    lines: dict[str, list[Point]] = {"base": [], "preview": [], "student": []}
    marks = []
    for system in summary["systems"]:
        if system["roles"] == ["rival"]:  # other rules have no place on a temperature axis
            continue
        scores = {measure: groups["all"] for measure, groups in system["scores"].items()}
        temperature = system["stages"][-1]["temperature"]
        point = Point(temperature, temperature < GREEDY_BELOW, scores)
        if "grid" in system["roles"]:
            lines[system["model"]].append(point)
        if "preview" in system["roles"]:
            lines["preview"].append(point)
        marks += [(role, system["model"], point) for role in system["roles"] if role in MARKERS]
    for points in lines.values():
        points.sort(key=lambda point: point.temperature)
    return Curves(lines, marks)


def _system(summary: Summary, name: str) -> dict[str, Any]:
    return next(system for system in summary["systems"] if system["name"] == name)
