"""Scores of the few systems that matter, as bars with intervals, overall and by difficulty."""

from __future__ import annotations

from typing import Any

from selfdistill.measure.words import number, percent_interval
from selfdistill.report.charts.style import BASE, INK, MUTED, OTHER, RULE, STUDENT, WIDTH, canvas, svg
from selfdistill.report.estimated import in_percent
from selfdistill.report.results import Estimated

_BAR, _HEADING = 19, 34
_RIGHT = 36
_LEFT = 128


def bars(groups: dict[str, list[tuple[str, str, Estimated]]], measure: str) -> str:
    """Horizontal bars, a block for each group of problems.

    Args:
        groups: heading -> (label, kind, estimate) from top to bottom; kind is `base`, `other` or `student`.
        measure: "pass@1".
    """
    height = 30 + sum(_HEADING + _BAR * len(rows) for rows in groups.values())
    label = f"{measure} in percent with 95 % intervals. " + " ".join(
        f"{heading}: " + ", ".join(f"{name} {percent_interval(score)}" for name, _, score in rows) + "."
        for heading, rows in groups.items()
    )
    with canvas(height, margins=(_LEFT, _RIGHT, 26, 4)) as (figure, axes):
        top = float(height - 30)
        axes.set(xlim=(0, 100), ylim=(0, top), yticks=[], xticks=[0, 25, 50, 75, 100])
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}" + (" %" if value == 100 else ""))
        axes.grid(axis="x")
        for heading, rows in groups.items():
            top -= _HEADING
            axes.text(
                -_LEFT / (WIDTH - _LEFT - _RIGHT), top + 9, heading, transform=_left(axes), weight="bold", color=INK
            )
            for name, kind, score in rows:
                top -= _BAR
                _bar(axes, top + _BAR / 2, name, kind, score)
        axes.axvline(0, color=RULE)
        return svg(figure, f"bars-{measure.replace('@', '-')}", label)


def _bar(axes: Any, y: float, name: str, kind: str, score: Estimated) -> None:
    colour = {"student": STUDENT, "base": BASE}.get(kind, OTHER)
    axes.text(-4, y, name, ha="right", va="center", color=INK if kind == "student" else MUTED, fontsize=10.5)
    shown = in_percent(score)
    if shown is None:
        axes.text(2, y, "not measured", va="center", color=MUTED, fontsize=10.5)
        return
    value, low, high = shown
    axes.barh(y, value, height=_BAR - 6, color=colour)
    axes.plot([low, high], [y, y], color=INK, linewidth=1.25)
    axes.text(1.02, y, number(value), transform=_left(axes), va="center", color=INK, fontsize=10.5)


def _left(axes: Any) -> Any:
    """x in fractions of the axes, y in data."""
    return axes.get_yaxis_transform()
