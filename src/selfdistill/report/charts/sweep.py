"""A sweep's charts: scores against T_eff by truncation, and heat maps over (T_train, T_eval)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from selfdistill.measure.words import number
from selfdistill.report.charts.style import BASE, INK, MUTED, STUDENT, canvas, round_ticks, svg, widen
from selfdistill.report.results import BaseRow, PreviewPoint, Sweep, SweepPoint

MARKERS = ("o", "s", "^", "D", "v", "P")
_LEAST = 4.0  # percentage points that an axis covers at least


def effective_temperature_chart(summary: Sweep, measure: str) -> str:
    """One measure against T_eff = T_train * T_eval, a marker for each truncation; the base's sweep as a band.

    The base's T_eff is its T_eval. Bars and band are 95 % intervals.
    """
    with canvas(300, margins=(30, 10, 58, 10)) as (figure, axes):
        _base_band(axes, summary["base"], measure)
        for number, (truncation, fits) in enumerate(summary["fits"].items()):
            chosen = [p for p in summary["points"] if p["truncation"] == truncation and p["t_eval"] > 0]
            x = np.array([point["t_eff"] for point in chosen])
            scores = [point["scores"][measure] for point in chosen]
            y, low, high = (np.array([100 * score[key] for score in scores]) for key in ("value", "low", "high"))
            how: dict[str, Any] = {"color": STUDENT, "marker": MARKERS[number % len(MARKERS)], "markersize": 5}
            bars: dict[str, Any] = {"linestyle": "none", "elinewidth": 1, "label": f"student, truncation {truncation}"}
            axes.errorbar(x, y, yerr=[y - low, high - y], **how, **bars)
            if fit := fits[measure]:
                line = np.linspace(x.min(), x.max(), 60)
                axes.plot(line, 100 * np.polyval(fit["coefficients"], line), color=STUDENT, linewidth=1.25)
        axes.set_xlabel("T_eff = T_train × T_eval")
        widen(axes, "y", span=_LEAST)
        round_ticks(axes.xaxis, axes.yaxis)
        axes.grid(axis="y")
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=2, handletextpad=0.4, columnspacing=1)
        label = f"{measure} in percent against T_eff, by truncation, with quadratic fits; the base's sweep as a band."
        return svg(figure, f"effective-{measure.replace('@', '-')}", label)


def heat_map(points: Sequence[SweepPoint] | Sequence[PreviewPoint], truncation: str, measure: str) -> str:
    """One measure over T_train (rows) and T_eval (columns), every cell with its number in percent."""
    chosen = [point for point in points if point["truncation"] == truncation]
    rows = sorted({point["t_train"] for point in chosen}, reverse=True)
    columns = sorted({point["t_eval"] for point in chosen})
    values = {(p["t_train"], p["t_eval"]): 100 * p["scores"][measure]["value"] for p in chosen}
    low, span = min(values.values()), max(max(values.values()) - min(values.values()), 1e-9)
    height = 34 * len(rows) + 60
    with canvas(height, margins=(44, 8, 44, 10)) as (figure, axes):
        for (t_train, t_eval), value in values.items():
            x, y = columns.index(t_eval), len(rows) - 1 - rows.index(t_train)
            strength = 0.08 + 0.62 * (value - low) / span
            axes.fill_between([x - 0.48, x + 0.48], y - 0.46, y + 0.46, color=STUDENT, alpha=strength, linewidth=0)
            axes.text(x, y, number(value), ha="center", va="center", color=INK, fontsize=10)
        axes.set_xticks(range(len(columns)), [f"{column:g}" for column in columns])
        axes.set_yticks(range(len(rows)), [f"{row:g}" for row in reversed(rows)])
        axes.set_xlabel("T_eval (0 is greedy)" if 0 in columns else "T_eval")
        axes.set_ylabel("T_train")
        axes.set_xlim(-0.5, len(columns) - 0.5)
        axes.set_ylim(-0.5, len(rows) - 0.5)
        label = f"{measure} of the student in percent over T_train and T_eval, truncation {truncation}."
        return svg(figure, f"heat-{truncation.replace('.', '-')}-{measure.replace('@', '-')}", label)


def _base_band(axes: Any, base: Sequence[BaseRow], measure: str) -> None:
    rows = sorted((row for row in base if row["t_eval"] > 0), key=lambda row: row["t_eval"])
    x = [row["t_eval"] for row in rows]
    y, low, high = ([100 * row["scores"][measure][key] for row in rows] for key in ("value", "low", "high"))
    axes.fill_between(x, low, high, color=BASE, alpha=0.15, linewidth=0)
    axes.plot(x, y, color=BASE, linestyle=(0, (5, 2)), linewidth=1.75, label="base, T_eff = T_eval")
    greedy = next((row for row in base if row["t_eval"] == 0), None)
    if greedy and measure == "pass@1":
        axes.axhline(100 * greedy["scores"][measure]["value"], color=MUTED, linewidth=1, linestyle=(0, (1, 2)))
        axes.plot([], [], color=MUTED, linewidth=1, linestyle=(0, (1, 2)), label="base, greedy")
