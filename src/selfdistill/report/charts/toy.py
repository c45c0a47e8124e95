"""The toy's three figures: success over temperature, spike and plateau, the lead over top-p (paper Fig. 13 and 14)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from selfdistill.explain.toy.experiment import Experiment, Point, ToyResult
from selfdistill.explain.toy.machine import FORK, LOCK
from selfdistill.report.charts.files import grid, write_svg
from selfdistill.report.charts.style import BASE, INK, MUTED, STUDENT, canvas, svg

SHOWN = 8
"""Tokens drawn of each distribution."""
_LINES: tuple[tuple[str, str, Any], ...] = (("base", BASE, (0, (5, 2))), ("student", STUDENT, "solid"))


def write_figures(experiment: Experiment, result: ToyResult, directory: Path) -> list[Path]:
    """Write the figures as SVG files and return their paths."""
    figures = {
        "toy-success.svg": success_figure(result),
        "toy-distributions.svg": distributions_figure(experiment, result),
        "toy-lead.svg": lead_figure(result),
    }
    for name, chart in figures.items():
        write_svg(directory / name, chart)
    return [directory / name for name in figures]


def success_figure(result: ToyResult) -> str:
    """Success probability against the one global temperature, base and student."""
    with canvas(230, margins=(46, 12, 38, 12)) as (figure, axes):
        for name, colour, line in _LINES:
            curve = getattr(result, name)
            axes.plot(*_over_temperature(curve.points, "success"), linestyle=line, color=colour, linewidth=2)
            best = (curve.best.temperature, 100 * curve.best.success)
            axes.plot(*best, "o", color=colour)
            text = f"{name}: {best[1]:.2f} %\nat T {best[0]:.3f}"
            axes.annotate(text, best, (-8, 4), textcoords="offset points", ha="right", color=colour, fontsize=10)
        axes.set(xlabel="decoding temperature", ylabel="success, %")
        axes.grid(axis="y")
        axes.margins(y=0.25)
        axes.set_ylim(bottom=0)
        label = f"Success over temperature: base {_best(result.base.best)}, student {_best(result.student.best)}."
        return svg(figure, "toy-success", label)


def distributions_figure(experiment: Experiment, result: ToyResult) -> str:
    """A lock becomes a spike and a fork a plateau; and what that does to the right token's chance over temperature."""
    machine = experiment.machine
    with grid(2, 2, row_height=170) as (figure, axes):
        for row, (state, index) in zip(axes, (("lock", LOCK), ("fork", FORK)), strict=True):
            base = machine.logits[index].exp().tolist()
            order = sorted(range(machine.vocabulary), key=base.__getitem__, reverse=True)
            student = [result.student_probabilities[state][token] for token in order]
            _paired_bars(row[0], [base[token] for token in order], student)
            row[0].set(xlabel=f"rank (right: {order.index(0) + 1})", ylabel="%")
            row[0].set_title(f"{state}: probabilities", loc="left", fontsize=11, color=INK)
            for name, colour, line in _LINES:
                points = getattr(result, name).points
                row[1].plot(*_over_temperature(points, state), linestyle=line, color=colour, linewidth=2)
            row[1].set(xlabel="temperature", ylabel="%")
            row[1].set_title(f"{state}: right token", loc="left", fontsize=11, color=INK)
            row[1].set_ylim(bottom=0)
            row[1].grid(axis="y")
        axes[0][0].legend(loc="upper right")
        retained = ", ".join(f"{state} {count}" for state, count in result.student_supports.items())
        return svg(figure, "toy-distributions", f"Lock and fork, base and student. The student retains: {retained}.")


def lead_figure(result: ToyResult) -> str:
    """The student's best less the base's best, over the decoding's top-p."""
    gaps = {f"{top_p:g}": 100 * gap for top_p, gap in result.gaps.items()}
    with canvas(180, margins=(46, 12, 38, 12)) as (figure, axes):
        bars = axes.bar(list(gaps), list(gaps.values()), color=STUDENT, width=0.6)
        axes.bar_label(bars, fmt="%+.1f", color=INK, fontsize=10)
        axes.margins(y=0.15)
        axes.axhline(0, color=MUTED, linewidth=0.75)
        axes.set(xlabel="top-p of the decoding", ylabel="lead, points")
        shown = ", ".join(f"{gap:+.1f} at top-p {top_p}" for top_p, gap in gaps.items())
        return svg(figure, "toy-lead", f"The student's lead in percentage points: {shown}.")


def _over_temperature(points: Sequence[Point], what: str) -> tuple[list[float], list[float]]:
    return [point.temperature for point in points], [100 * getattr(point, what) for point in points]


def _paired_bars(axes: Any, base: Sequence[float], student: Sequence[float]) -> None:
    count = min(SHOWN, len(base))
    places = range(1, count + 1)
    base_bars = {"facecolor": "none", "edgecolor": BASE, "hatch": "////", "label": "base"}
    for values, shift, look in ((base, -0.2, base_bars), (student, 0.2, {"color": STUDENT, "label": "student"})):
        axes.bar([place + shift for place in places], [100 * value for value in values[:count]], width=0.38, **look)
    axes.set_xticks(places)


def _best(point: Point) -> str:
    return f"{100 * point.success:.2f} % at T {point.temperature:.3f}"
