"""How base and student answer to temperature: scores against T_eval, and the frontier of two measures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from selfdistill.report.charts.style import BASE, PAPER, STUDENT, canvas, svg

COLOUR = {"base": BASE, "student": STUDENT}
LINE = {"base": (0, (5, 2)), "student": "solid"}
MARKERS = {"default": "o", "sampling": "s", "preview": "D"}
MARKER_NAMES = {"default": "default decoding", "sampling": "base at sampling settings", "preview": "ideal-fit preview"}


@dataclass(frozen=True, slots=True)
class Point:
    """One system in a curve or beside it."""

    temperature: float
    """T_eval; of the last stage."""
    scores: dict[str, dict[str, Any]]
    """Measure -> estimate."""


@dataclass(frozen=True, slots=True)
class Curves:
    """What both charts show."""

    lines: dict[str, list[Point]]
    """Model -> its grid, by rising temperature."""
    marks: list[tuple[str, str, Point]]
    """(role, model, point) of the systems with a name of their own."""


def temperature_curve(curves: Curves, measure: str) -> str:
    """One measure against T_eval with bands of 95 %, in one plot for both models."""
    label = f"{measure} in percent against T_eval. " + " ".join(
        f"{model}: "
        + ", ".join(f"{_shown(p, measure):.1f} at T {p.temperature:g}" for p in _defined(points, measure))
        + "."
        for model, points in curves.lines.items()
    )
    with canvas(290, margins=(38, 62, 40, 14)) as (figure, axes):
        ends = []
        for model, points in curves.lines.items():
            points = _defined(points, measure)
            if not points:
                continue
            x = [point.temperature for point in points]
            low, high = ([100 * point.scores[measure][end] for point in points] for end in ("low", "high"))
            axes.fill_between(x, low, high, color=COLOUR[model], alpha=0.15, linewidth=0)
            axes.plot(
                x, [_shown(p, measure) for p in points], color=COLOUR[model], linestyle=LINE[model], linewidth=2.25
            )
            ends.append((model, x[-1], _shown(points[-1], measure)))
        for role, model, point in curves.marks:
            if point.scores[measure]["value"] is not None:
                _mark(axes, point.temperature, _shown(point, measure), role, model)
        axes.set_xlabel("T_eval (0 is greedy)")
        axes.set_xlim(left=min(-0.04, axes.get_xlim()[0]))
        axes.margins(y=0.08)
        axes.grid(axis="y")
        axes.set_ylabel(f"{measure}, %")
        _name_ends(axes, ends)
        return svg(figure, f"curve-{measure.replace('@', '-')}", label)


def frontier_chart(curves: Curves, first: str, last: str) -> str:
    """Two measures against each other: up and to the right is better on both."""
    label = f"{last} against {first}, in percent, as T_eval varies. " + " ".join(
        f"{model}: "
        + ", ".join(
            f"{_shown(p, first):.1f} and {_shown(p, last):.1f} at T {p.temperature:g}"
            for p in _both(points, first, last)
        )
        + "."
        for model, points in curves.lines.items()
    )
    with canvas(330, margins=(38, 30, 40, 14)) as (figure, axes):
        for model, points in curves.lines.items():
            points = _both(points, first, last)
            x, y = [_shown(p, first) for p in points], [_shown(p, last) for p in points]
            axes.plot(x, y, color=COLOUR[model], linestyle=LINE[model], linewidth=2.25, marker=".", markersize=7)
            for point, at_x, at_y in zip(points, x, y, strict=True):
                axes.annotate(
                    f"{point.temperature:g}",
                    (at_x, at_y),
                    (5, -11),
                    textcoords="offset points",
                    color=COLOUR[model],
                    fontsize=10,
                )
        for role, model, point in curves.marks:
            if _both([point], first, last):
                _mark(axes, _shown(point, first), _shown(point, last), role, model)
        axes.set(xlabel=f"{first}, %", ylabel=f"{last}, %")
        axes.margins(0.1)
        axes.grid()
        return svg(figure, "frontier", label)


def _mark(axes: Any, x: float, y: float, role: str, model: str) -> None:
    axes.plot(x, y, MARKERS[role], color=COLOUR[model], markersize=9, markeredgecolor=PAPER, markeredgewidth=1.5)


def _name_ends(axes: Any, ends: Sequence[tuple[str, float, float]]) -> None:
    """The models' names at the right ends of their lines, moved apart where they would touch."""
    low, high = axes.get_ylim()
    least, previous = 0.06 * (high - low), None
    for model, x, y in sorted(ends, key=lambda end: end[2]):
        y = y if previous is None else max(y, previous + least)
        previous = y
        axes.annotate(
            model, (x, y), (7, 0), textcoords="offset points", va="center", color=COLOUR[model], weight="bold"
        )


def _defined(points: Sequence[Point], measure: str) -> list[Point]:
    return [point for point in points if point.scores[measure]["value"] is not None]


def _both(points: Sequence[Point], first: str, last: str) -> list[Point]:
    return _defined(_defined(points, first), last)


def _shown(point: Point, measure: str) -> float:
    return 100 * point.scores[measure]["value"]
