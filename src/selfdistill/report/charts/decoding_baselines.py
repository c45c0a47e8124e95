"""Families of decodings on base and student: scores with intervals, around a line at SSD under its plain decoding."""

from __future__ import annotations

from typing import Any

from selfdistill.measure.words import UNDEFINED, number, percent_interval
from selfdistill.report.charts.style import BASE, INK, MUTED, PAPER, RULE, STUDENT, canvas, round_ticks, svg
from selfdistill.report.estimated import in_percent
from selfdistill.report.results import Estimated

_ROW = 52
_LINE = 0.24
"""Rows are 1 apart; the two models' lines lie this far under each other."""


def decoding_baselines(rows: list[tuple[str, Estimated, Estimated]], ssd: float | None, measure: str) -> str:
    """A dot plot.

    Args:
        rows: family, the base's estimate, the student's, top to bottom.
        ssd: the student's score under its plain decoding, a fraction.
        measure: "pass@1".
    """
    height = 44 + _ROW * len(rows)
    label = f"{measure} in percent with 95 % intervals. " + " ".join(
        f"{family}: base {percent_interval(base)}, student {percent_interval(student)}."
        for family, base, student in rows
    )
    with canvas(height, margins=(4, 4, 34, 4)) as (figure, axes):
        if ssd is not None:
            axes.axvline(100 * ssd, color=STUDENT, linewidth=1, linestyle=(0, (4, 3)))
        for position, (family, base, student) in enumerate(rows):
            _row(axes, -position, family, base, student)
        low, high = _limits([estimate for _, *pair in rows for estimate in pair])
        axes.set(xlim=(low, high), ylim=(-len(rows) + 0.4, 0.6), yticks=[])
        axes.set_xlabel(f"{measure}, percent; line: 95 % interval")
        round_ticks(axes.xaxis, integer=True)
        axes.grid(axis="x", color=RULE)
        return svg(figure, f"rivals-{measure.replace('@', '-')}", label)


def _row(axes: Any, y: float, family: str, base: Estimated, student: Estimated) -> None:
    place = {
        "transform": axes.get_yaxis_transform(),
        "va": "center",
        "bbox": {"facecolor": PAPER, "edgecolor": "none", "pad": 1.5},
    }
    axes.text(0, y + 0.36, family, color=INK, **place)
    shown = in_percent(base), in_percent(student)
    values = " / ".join(UNDEFINED if each is None else number(each[0]) for each in shown)
    axes.text(1, y + 0.36, values, ha="right", color=MUTED, **place)
    for offset, colour, marker, each in zip((0.06, 0.06 - _LINE), (BASE, STUDENT), "so", shown, strict=True):
        if each is None:
            continue
        value, low, high = each
        axes.plot([low, high], [y + offset] * 2, color=colour, linewidth=2)
        axes.plot(value, y + offset, marker, color=colour, markersize=6.5)


def _limits(shown: list[Estimated]) -> tuple[float, float]:
    ends = [end for estimate in shown if (found := in_percent(estimate)) for end in found[1:]] or [0.0]
    margin = max(1.0, 0.06 * (max(ends) - min(ends)))
    return min(ends) - margin, max(ends) + margin
