"""The answer's chart: what the student gains over each rival, with its paired interval, around a line at zero."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from selfdistill.measure.words import UNDEFINED, point_interval
from selfdistill.report.charts.style import BASE, INK, MUTED, PAPER, STUDENT, canvas, round_ticks, svg

_ROW = 46


def differences(
    rows: Sequence[tuple[str, Mapping[str, Any]]],
    measure: str,
    *,
    what: str = "student minus rival, in percentage points",
    axis: str = "percentage points; line: 95 % interval",
) -> str:
    """A forest plot.

    Args:
        rows: label of the rival, and the score of one comparison (`difference`, `verdict`), top to bottom.
        measure: "pass@1"; names the chart.
        what: which difference it is.
        axis: its unit.
    """
    height = 44 + _ROW * len(rows)
    label = f"Difference in {measure}, {what}. " + " ".join(
        f"{name}: {point_interval(score['difference'])}, {score['verdict']}." for name, score in rows
    )
    with canvas(height, margins=(4, 4, 34, 4)) as (figure, axes):
        axes.axvline(0, color=INK, linewidth=1)
        for position, (name, score) in enumerate(rows):
            _row(axes, -position, name, score)
        low, high = _limits([score["difference"] for _, score in rows])
        axes.set(xlim=(low, high), ylim=(-len(rows) + 0.6, 0.7), yticks=[])
        axes.set_xlabel(axis)
        round_ticks(axes.xaxis, integer=True)
        axes.grid(axis="x")
        return svg(figure, f"differences-{measure.replace('@', '-').replace(' ', '-')}", label)


def _row(axes: Any, y: float, name: str, score: Mapping[str, Any]) -> None:
    difference, colour = score["difference"], BASE if score["verdict"] == "not distinguishable" else STUDENT
    written = point_interval(difference)
    place = {
        "transform": axes.get_yaxis_transform(),
        "va": "center",
        "bbox": {"facecolor": PAPER, "edgecolor": "none", "pad": 2},
    }
    axes.text(0, y + 0.42, name, color=INK, **place)
    axes.text(1, y + 0.42, written, ha="right", color=MUTED, **place)
    if written == UNDEFINED:
        return
    if difference["low"] is not None:  # few scores without bounds may have none
        axes.plot([100 * difference["low"], 100 * difference["high"]], [y, y], color=colour, linewidth=2.5)
    filled = score["verdict"] != "not distinguishable"
    axes.plot(100 * difference["value"], y, "o", color=colour, markersize=8, fillstyle="full" if filled else "none")


def _limits(shown: list[Mapping[str, Any]]) -> tuple[float, float]:
    ends = [100 * d[end] for d in shown for end in ("low", "value", "high") if d[end] is not None] or [0.0]
    low, high = min(*ends, -1.0), max(*ends, 1.0)
    margin = 0.06 * (high - low)
    return low - margin, high + margin
