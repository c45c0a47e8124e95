"""The training curve: loss by step, each step faint and a running mean on top."""

from __future__ import annotations

import numpy as np

from selfdistill.report.charts.style import BASE, STUDENT, canvas, svg

_WINDOW = 20  # windows along the curve: enough to follow it, few enough to be smooth


def training_curve(steps: list[int], losses: list[float]) -> str:
    """Loss (nats per target token) against optimizer step."""
    smooth = running_mean(losses, max(1, len(losses) // _WINDOW))
    label = f"Training loss over {len(steps)} steps, running mean: from {smooth[0]:.3f} to {smooth[-1]:.3f}."
    with canvas(230, margins=(30, 8, 40, 8)) as (figure, axes):
        axes.plot(steps, losses, color=BASE, linewidth=0.8, alpha=0.45)
        axes.plot(steps, smooth, color=STUDENT, linewidth=2.25)
        axes.set_xlabel("optimizer step")
        axes.grid(axis="y")
        return svg(figure, "training", label)


def running_mean(values: list[float], window: int) -> np.ndarray:
    """Mean of each value and its neighbours within half a window; the window shrinks at both ends."""
    total = np.concatenate([[0.0], np.cumsum(values)])
    centre, half = np.arange(len(values)), window // 2
    low, high = np.maximum(0, centre - half), np.minimum(len(values), centre + half + 1)
    return (total[high] - total[low]) / (high - low)
