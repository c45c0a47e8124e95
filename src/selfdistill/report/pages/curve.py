"""curve.html from curve.json."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from selfdistill.measure.words import number, percent_interval, point_interval
from selfdistill.report.charts.style import BASE, INK, MUTED, STUDENT, canvas, round_ticks, svg, widen
from selfdistill.report.pages.page import Page, Section, Table, table
from selfdistill.report.results import Curve, CurvePoint

_LOOKS = (
    (STUDENT, "solid", "o"),
    (BASE, (0, (5, 2)), "s"),
    (INK, (0, (1, 1.5)), "^"),
    (MUTED, "solid", "D"),
    (STUDENT, (0, (1, 1.5)), "v"),
    (BASE, "solid", "P"),
    (INK, (0, (5, 2)), "X"),
)
Axis = Literal["sequences", "flops", "seconds"]
_AXES: dict[Axis, str] = {
    "sequences": "training sequences",
    "flops": "FLOPs of sampling and training",
    "seconds": "seconds of sampling and training",
}


def curve_page(summary: Curve) -> Page:
    """What each kind of target gains from how many sequences, and at equal gain how much it costs."""
    measures = summary["measures"]
    first = measures[0]
    lead = (
        f"Student minus base, both at their default decodings, on {summary['problems']} problems and "
        f"{len(summary['seeds'])} seeds; 95 % intervals by problem. The base has "
        f"{percent_interval(summary['base'][first])} percent {first}.",
        *_equal_gain(summary, first),
    )
    charts = [
        (f"{measure} gained against {_AXES[axis]}", curve_chart(summary, measure, axis))
        for axis in _AXES
        for measure in measures
    ]
    return Page(
        "Learning curves",
        f"{summary['name']}: what hard targets, soft targets and texts gain",
        lead,
        (
            Section("The curves", (), tuple(charts)),
            Section("Every point", (), (), _points(summary)),
        ),
    )


def curve_chart(summary: Curve, measure: str, axis: Axis) -> str:
    """Gain in points against sequences, FLOPs or seconds, on a logarithmic axis, with 95 % intervals."""
    variants = list(dict.fromkeys(point["variant"] for point in summary["points"]))
    with canvas(320, margins=(34, 10, 98, 10)) as (figure, axes):
        axes.set_xscale("log")
        for number_, variant in enumerate(variants):
            own = sorted((p for p in summary["points"] if p["variant"] == variant), key=lambda p: p[axis])
            colour, line, marker = _LOOKS[number_ % len(_LOOKS)]
            x = [point[axis] for point in own]
            y, low, high = ([100 * point["gain"][measure][key] for point in own] for key in ("value", "low", "high"))
            bars = [[a - b for a, b in zip(y, low, strict=True)], [b - a for a, b in zip(y, high, strict=True)]]
            how: dict[str, Any] = {"color": colour, "linestyle": line, "marker": marker, "markersize": 5}
            axes.errorbar(x, y, yerr=bars, elinewidth=1, label=variant, **how)
        axes.axhline(0, color=MUTED, linewidth=1)
        if axis == "sequences":
            ticks = sorted({point["sequences"] for point in summary["points"]})
            axes.set_xticks(ticks, [number(tick, 0) for tick in ticks])
            axes.set_xticks([], minor=True)
        axes.xaxis.set_minor_formatter("")
        axes.set_xlabel(_AXES[axis])
        widen(axes, "y", span=4.0)
        round_ticks(axes.yaxis)
        axes.grid(axis="y")
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.15), ncols=2, columnspacing=1)
        return svg(figure, f"curve-{axis}-{measure.replace('@', '-')}", f"Points of {measure} gained against {axis}.")


def _equal_gain(summary: Curve, measure: str) -> list[str]:
    """How much each variant needs for the gain of hard targets at their largest size."""
    hard = [point for point in summary["points"] if point["variant"] == "hard"]
    if not hard:
        return []
    most = max(hard, key=lambda point: point["sequences"])
    gain = most["gain"][measure]["value"]
    found = []
    for variant in dict.fromkeys(p["variant"] for p in summary["points"] if p["variant"] != "hard"):
        needs = {axis: matching_size(summary["points"], variant, gain, measure, axis) for axis in _AXES}
        text = (
            f"The gain of hard targets with {most['sequences']:,} sequences ({point_interval(most['gain'][measure])})"
        )
        if needs["sequences"] is None:
            found.append(f"{text} is not reached by {variant}.")
            continue
        shares = {axis: number(100 * value / most[axis], 0) for axis, value in needs.items() if value is not None}
        words = ", ".join(f"{share} % of the {axis if axis != 'flops' else 'FLOPs'}" for axis, share in shares.items())
        found.append(f"{text} takes {variant} at most {words}.")
    return found


def _points(summary: Curve) -> Table:
    measures = summary["measures"]
    headings = ["targets, sequences", *measures, *(f"{m} − base" for m in measures), "greedy − greedy"]
    headings += ["seeds above zero", "10¹² FLOPs", "seconds"]
    rows = []
    for point in summary["points"]:
        greedy = point.get("greedy_gain")
        rows.append(
            [
                f"{point['variant']}, {point['sequences']:,}",
                *(percent_interval(point["scores"][measure]) for measure in measures),
                *(point_interval(point["gain"][measure]) for measure in measures),
                point_interval(greedy[measures[0]]) if greedy else "–",
                f"{point['gain'][measures[0]]['above_zero']} of {len(summary['seeds'])}",
                number(point["flops"] / 1e12, 1),
                f"{number(point['sampling_seconds'], 0)} + {number(point['training_seconds'], 0)}",
            ]
        )
    return table(headings, rows)


def matching_size(points: Sequence[CurvePoint], variant: str, gain: float, measure: str, axis: Axis) -> float | None:
    """Where a variant's curve first reaches a gain, by straight lines between its points; None if nowhere.

    Args:
        points: of a summary.
        variant: its name.
        gain: as a fraction.
        measure: e.g. `pass@1`.
        axis: `sequences`, `flops` or `seconds`.
    """
    own = sorted((p for p in points if p["variant"] == variant), key=lambda p: p[axis])
    previous: tuple[float, float] | None = None
    for point in own:
        value = point["gain"][measure]["value"]
        if value >= gain:
            if previous is None:
                return float(point[axis])
            share = (gain - previous[1]) / (value - previous[1])
            return previous[0] + share * (float(point[axis]) - previous[0])
        previous = (float(point[axis]), value)
    return None
