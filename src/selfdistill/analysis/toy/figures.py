"""The toy's three figures: success over temperature, spike and plateau, the lead over top-p (paper Fig. 13 and 14)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from selfdistill.analysis.figures import BASE, STUDENT, draw_svg, write_svg
from selfdistill.analysis.toy.experiment import Experiment, Point, ToyResult
from selfdistill.analysis.toy.machine import FORK, LOCK

SHOWN = 8
"""Tokens drawn of each distribution."""
_LINES = (("base", BASE, "--"), ("student", STUDENT, "-"))


def write_figures(experiment: Experiment, result: ToyResult, directory: Path) -> list[Path]:
    """Write the figures as SVG files and return their paths."""
    figures = {
        "toy-success.svg": success_figure(result),
        "toy-distributions.svg": distributions_figure(experiment, result),
        "toy-lead.svg": lead_figure(result),
    }
    for name, svg in figures.items():
        write_svg(directory / name, svg)
    return [directory / name for name in figures]


def success_figure(result: ToyResult) -> str:
    """Success probability against the one global temperature, base and student."""

    def draw(axes: Any) -> None:
        axis = axes[0, 0]
        for name, colour, line in _LINES:
            curve = getattr(result, name)
            axis.plot(*_over_temperature(curve.points, "success"), line, color=colour, label=name)
            best = (curve.best.temperature, 100 * curve.best.success)
            axis.plot(*best, "o", color=colour)
            text = f"{best[1]:.2f} %\nT = {best[0]:.3f}"
            axis.annotate(text, best, (-6, 4), textcoords="offset points", ha="right", color=colour)
        axis.set(xlabel="decoding temperature", ylabel="success, %")
        axis.margins(y=0.2)
        axis.set_ylim(bottom=0)
        axis.legend(loc="upper left")

    return draw_svg(
        draw,
        title="The toy's success probability over temperature",
        description=f"Best of the base {_best(result.base.best)}, best of the student {_best(result.student.best)}.",
    )


def distributions_figure(experiment: Experiment, result: ToyResult) -> str:
    """A lock becomes a spike and a fork a plateau; and what that does to the right token's chance over temperature."""
    machine = experiment.machine

    def draw(axes: Any) -> None:
        for row, (state, index) in enumerate((("lock", LOCK), ("fork", FORK))):
            base = machine.logits[index].exp().tolist()
            order = sorted(range(machine.vocabulary), key=lambda token: -base[token])
            student = [result.student_probabilities[state][token] for token in order]
            _paired_bars(axes[row, 0], [base[token] for token in order], student)
            axes[row, 0].set(title=f"{state}: probabilities", xlabel=f"rank (right: {order.index(0) + 1})", ylabel="%")
            for name, colour, line in _LINES:
                axes[row, 1].plot(*_over_temperature(getattr(result, name).points, state), line, color=colour)
            axes[row, 1].set(title=f"{state}: right token, decoded", xlabel="decoding temperature", ylabel="%")
            axes[row, 1].set_ylim(bottom=0)
        axes[0, 0].legend(loc="upper right")

    return draw_svg(
        draw,
        title="Lock and fork in the toy, base and student",
        description=f"Tokens the student retains: {result.student_supports}.",
        rows=2,
        columns=2,
        width=6.6,
        height=4.6,
    )


def lead_figure(result: ToyResult) -> str:
    """The student's best less the base's best, over the decoding's top-p."""
    gaps = {f"{top_p:g}": 100 * gap for top_p, gap in result.gaps.items()}

    def draw(axes: Any) -> None:
        bars = axes[0, 0].bar(list(gaps), list(gaps.values()), color=STUDENT, width=0.6)
        axes[0, 0].bar_label(bars, fmt="%+.1f")
        axes[0, 0].margins(y=0.15)
        axes[0, 0].set(xlabel="top-p of the decoding", ylabel="lead, percentage points")

    return draw_svg(
        draw,
        title="The student's lead over the base at each one's best temperature",
        description=", ".join(f"{gap:+.1f} points at top-p {top_p}" for top_p, gap in gaps.items()),
        width=5.2,
        height=2.4,
    )


def _over_temperature(points: Sequence[Point], what: str) -> tuple[list[float], list[float]]:
    return [point.temperature for point in points], [100 * getattr(point, what) for point in points]


def _paired_bars(axis: Any, base: Sequence[float], student: Sequence[float]) -> None:
    count = min(SHOWN, len(base))
    places = range(1, count + 1)
    base_bars = {"facecolor": "none", "edgecolor": BASE, "hatch": "////", "label": "base"}
    for values, shift, look in ((base, -0.2, base_bars), (student, 0.2, {"color": STUDENT, "label": "student"})):
        axis.bar([place + shift for place in places], [100 * value for value in values[:count]], width=0.38, **look)
    axis.set_xticks(places)


def _best(point: Point) -> str:
    return f"{100 * point.success:.2f} % at T = {point.temperature:.3f}"
