"""How base and student answer to temperature: scores against T_eval, and the frontier of two measures.

Greedy decoding repeats itself, so that its pass@5 is its pass@1: charts of pass@k with k > 1 leave it out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from selfdistill.measure.words import number
from selfdistill.report.charts.style import BASE, MUTED, PAPER, STUDENT, canvas, round_ticks, svg, widen
from selfdistill.report.estimated import in_percent
from selfdistill.report.results import Estimated

COLOUR = {"base": BASE, "preview": MUTED, "student": STUDENT}
LINE = {"base": (0, (5, 2)), "preview": (0, (1, 1.5)), "student": "solid"}
DOT: dict[str, dict[str, Any]] = {model: {"marker": ".", "markersize": 6} for model in COLOUR}
DOT["preview"] = {"marker": "D", "markersize": 5.5}
MARKERS = {"default": "o", "sampling": "s"}
_LEAST = 4.0  # percentage points that an axis covers at least
_APART = 17.0  # units between points whose labels do not touch


@dataclass(frozen=True, slots=True)
class Point:
    """One system in a curve or beside it."""

    temperature: float
    """T_eval; of the last stage."""
    greedy: bool
    scores: dict[str, Estimated]
    """Measure -> estimate."""


@dataclass(frozen=True, slots=True)
class Curves:
    """What both charts show."""

    lines: dict[str, list[Point]]
    """`base`, `preview`, `student` -> its grid, by rising temperature; may be empty."""
    marks: list[tuple[str, str, Point]]
    """(role, model, point) of the systems with a name of their own."""


def temperature_curve(curves: Curves, measure: str) -> str:
    """One measure against T_eval with bands of 95 %, in one plot for both models."""
    lines = {model: _usable(points, measure) for model, points in curves.lines.items()}
    label = f"{measure} in percent against T_eval. " + " ".join(
        f"{model}: " + ", ".join(f"{number(_shown(p, measure))} at T {p.temperature:g}" for p in points) + "."
        for model, points in lines.items()
    )
    with canvas(270, margins=(30, 56, 40, 10)) as (figure, axes):
        for model, points in lines.items():
            x = [point.temperature for point in points]
            if model != "preview":  # two bands can be told apart, three cannot
                bands = [_with_ends(point, measure) for point in points]
                low, high = [band[1] for band in bands], [band[2] for band in bands]
                axes.fill_between(x, low, high, color=COLOUR[model], alpha=0.15, linewidth=0)
            y = [_shown(point, measure) for point in points]
            axes.plot(x, y, color=COLOUR[model], linestyle=LINE[model], linewidth=2.25, **DOT[model])
        for role, model, point in curves.marks:
            if _usable([point], measure):
                _mark(axes, point.temperature, _shown(point, measure), role, model)
        axes.set_xlabel("T_eval" + (" (0 is greedy)" if measure == "pass@1" else ""))
        everywhere = [p.temperature for points in curves.lines.values() for p in points]
        everywhere += [point.temperature for _, _, point in curves.marks]
        span = max(everywhere) - min(everywhere)
        axes.set_xlim(min(everywhere) - 0.04 * span, max(everywhere) + 0.04 * span)
        widen(axes, "y", span=_LEAST)
        _keep_within(axes, "y")
        round_ticks(axes.xaxis, axes.yaxis)
        axes.grid(axis="y")
        _name_lines(axes, {model: points for model, points in lines.items() if len(points) > 1}, measure)
        return svg(figure, f"curve-{measure.replace('@', '-')}", label)


def frontier_chart(curves: Curves, first: str, last: str) -> str:
    """Two measures against each other: up and to the right is better on both."""
    lines = {model: _usable(_usable(points, first), last) for model, points in curves.lines.items()}
    label = f"{last} against {first}, in percent, as T_eval varies. " + " ".join(
        f"{model}: "
        + ", ".join(f"{number(_shown(p, first))} and {number(_shown(p, last))} at T {p.temperature:g}" for p in points)
        + "."
        for model, points in lines.items()
    )
    with canvas(320, margins=(30, 8, 40, 26)) as (figure, axes):
        for model, points in lines.items():
            x, y = [_shown(p, first) for p in points], [_shown(p, last) for p in points]
            axes.plot(x, y, color=COLOUR[model], linestyle=LINE[model], linewidth=2.25, **DOT[model])
        for role, model, point in curves.marks:
            if _usable(_usable([point], first), last):
                _mark(axes, _shown(point, first), _shown(point, last), role, model)
        axes.set_xlabel(f"{first}, % →")
        axes.text(0, 1.04, f"↑ {last}, %", transform=axes.transAxes, ha="left", color=MUTED, fontsize=10.5)
        axes.margins(0.12)
        widen(axes, "x", "y", span=_LEAST)
        _keep_within(axes, "x", "y")
        round_ticks(axes.xaxis, axes.yaxis)
        axes.grid()
        _name_temperatures(axes, lines, first, last)
        return svg(figure, "frontier", label)


def _keep_within(axes: Any, *names: str) -> None:
    """No axis of percent goes below 0 or above 100 further than to show a point there whole."""
    for name in names:
        low, high = getattr(axes, f"get_{name}lim")()
        edge = 0.05 * (high - low)
        getattr(axes, f"set_{name}lim")(max(low, -edge), min(high, 100 + edge))


def _mark(axes: Any, x: float, y: float, role: str, model: str) -> None:
    axes.plot(x, y, MARKERS[role], color=COLOUR[model], markersize=9, markeredgecolor=PAPER, markeredgewidth=1.5)


def _name_lines(axes: Any, lines: dict[str, list[Point]], measure: str) -> None:
    """Each line's name at the right edge, at the height of its end, moved up where names would touch."""
    low, high = axes.get_ylim()
    least, previous = 0.07 * (high - low), low - 1
    for y, model in sorted((_shown(points[-1], measure), model) for model, points in lines.items()):
        previous = max(y, previous + least)
        at = {"transform": axes.get_yaxis_transform(), "va": "center", "color": COLOUR[model], "weight": "bold"}
        axes.text(1.02, previous, model, fontsize=10.5, **at)


def _name_temperatures(axes: Any, lines: dict[str, list[Point]], first: str, last: str) -> None:
    """T_eval beside each point, ends first; a name that would touch another is left out (the table has it)."""
    axes.autoscale_view()
    taken: list[np.ndarray] = []
    for model, points in lines.items():
        places = axes.transData.transform([(_shown(p, first), _shown(p, last)) for p in points]) if points else []
        for i in sorted(range(len(points)), key=lambda i: 0 < i < len(points) - 1):
            along = places[min(i + 1, len(points) - 1)] - places[max(i - 1, 0)]
            length = np.hypot(*along)  # 0 where all points are one
            across = np.array([along[1], -along[0]]) / length if length else np.array([1.0, 0.0])
            label_at = places[i] + 13 * across * (1 if across[0] >= 0 else -1)
            if any(np.abs(label_at - other).max() < _APART for other in taken):
                continue
            taken.append(label_at)
            axes.annotate(
                f"{points[i].temperature:g}",
                (_shown(points[i], first), _shown(points[i], last)),
                tuple(label_at - places[i]),
                textcoords="offset points",
                ha="center",
                va="center",
                color=COLOUR[model],
                fontsize=10,
            )


def _usable(points: Sequence[Point], measure: str) -> list[Point]:
    """The points that a chart of this measure shows."""
    return [p for p in points if p.scores[measure]["value"] is not None and not (p.greedy and measure != "pass@1")]


def _shown(point: Point, measure: str) -> float:
    return _with_ends(point, measure)[0]


def _with_ends(point: Point, measure: str) -> tuple[float, float, float]:
    """Value, low and high end of a usable point."""
    shown = in_percent(point.scores[measure])
    assert shown is not None
    return shown
