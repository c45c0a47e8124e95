"""Which charts a summary gives, and what each is drawn from. The drawing is in `charts`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

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
from selfdistill.report.compared import Baselines
from selfdistill.report.parts import ComparedScore
from selfdistill.report.summarised import Summary, SystemRow

RIVALS = {
    "default": "default decoding",
    "best": "best in hindsight",
    "preview": "ideal-fit preview",
    "sampling": "sampling settings",
}
"""Kinds of comparison in the answer's chart, each a decoding of the base, and their names where they stand alone."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart of the report."""

    draw: Callable[[Summary], Markup | list[Markup] | None]
    """Inline SVG; a list where there is one chart a measure; None where the summary has no data for it."""
    caption: str = ""
    """Over the chart, in the section of further figures; empty where a section's template has a place for it."""


def figures(summary: Summary) -> dict[str, Markup | list[Markup] | None]:
    """What `FIGURES` draw of a summary, by name."""
    return {name: figure.draw(summary) for name, figure in FIGURES.items()}


def further(drawn: dict[str, Markup | list[Markup] | None]) -> list[tuple[str, list[Markup]]]:
    """Caption and charts of the figures for which no section's template has a place."""
    found = []
    for name, figure in FIGURES.items():
        charts = drawn[name]
        if figure.caption and charts:
            found.append((figure.caption, charts if isinstance(charts, list) else [charts]))
    return found


def _regressions(summary: Summary) -> Markup | None:
    found = summary.get("regressions")
    if not found:
        return None
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


def _differences(summary: Summary) -> list[Markup] | None:
    return [_difference(summary, measure) for measure in summary["measures"]] if summary["comparisons"] else None


def _difference(summary: Summary, measure: str) -> Markup:
    rivals: dict[str, tuple[list[str], ComparedScore]] = {}
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


def _outcomes(summary: Summary) -> Markup | None:
    shares = summary["outcomes"]
    return Markup(outcomes([(row["kind"], row["base"], row["student"]) for row in shares])) if shares else None


def _decoding_baselines(summary: Summary) -> list[Markup] | None:
    compared = summary["decoding_baselines"]
    return [_decoding_baseline(compared, measure) for measure in compared["measures"]] if compared else None


def _decoding_baseline(compared: Baselines, measure: str) -> Markup:
    rows = [row for row in compared["rows"] if row["measure"] == measure]
    ssd = next(row["student"]["test"]["value"] for row in rows if row["family"] == PLAIN)
    return Markup(
        decoding_baselines([(row["family"], row["base"]["test"], row["student"]["test"]) for row in rows], ssd, measure)
    )


def _training(summary: Summary) -> Markup | None:
    log = summary["training"]["log"]
    return Markup(training_curve([line["step"] for line in log], [line["loss"] for line in log])) if log else None


def _bars(summary: Summary) -> list[Markup]:
    return [_bars_of(summary, measure) for measure in summary["measures"]]


def _bars_of(summary: Summary, measure: str) -> Markup:
    blocks = {}
    for group, problems in summary["groups"].items():
        heading = f"{'all problems' if group == 'all' else group} ({problems:,})"
        blocks[heading.capitalize()] = [
            (entry["label"], entry["kind"], _system(summary, entry["system"])["scores"][measure][group])
            for entry in summary["lineup"]
        ]
    return Markup(bars(blocks, measure))


def _curves(summary: Summary) -> list[Markup] | None:
    curves = _lines(summary)
    return [Markup(temperature_curve(curves, measure)) for measure in summary["measures"]] if curves else None


def _frontier(summary: Summary) -> Markup | None:
    curves, measures = _lines(summary), summary["measures"]
    return Markup(frontier_chart(curves, measures[0], measures[-1])) if curves and summary["frontier"] else None


def _lines(summary: Summary) -> Curves | None:
    """None where no line has two points."""
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
    return Curves(lines, marks) if any(len(points) > 1 for points in lines.values()) else None


def _system(summary: Summary, name: str) -> SystemRow:
    return next(system for system in summary["systems"] if system["name"] == name)


FIGURES: dict[str, Figure] = {
    "differences": Figure(_differences),
    "bars": Figure(_bars),
    "curves": Figure(_curves),
    "frontier": Figure(_frontier),
    "decoding_baselines": Figure(_decoding_baselines),
    "regressions": Figure(_regressions),
    "outcomes": Figure(_outcomes),
    "training": Figure(_training),
}
"""In the order of the page. A new one is a function in a file of its own, and a line here."""
