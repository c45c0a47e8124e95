"""How programs ended, before and after: one row a kind, base and student joined by a line."""

from __future__ import annotations

from selfdistill.measure.words import number
from selfdistill.report.charts.style import BASE, INK, MUTED, RULE, STUDENT, WIDTH, canvas, round_ticks, svg

_ROW = 30
_LEFT, _RIGHT = 96, 82


def outcomes(rows: list[tuple[str, float, float]]) -> str:
    """A dumbbell for each kind of outcome.

    Args:
        rows: kind, share of the base's programs, share of the student's (fractions), top to bottom.
    """
    height = 40 + _ROW * len(rows)
    label = "Share of programs by outcome, base and then student, in percent. " + " ".join(
        f"{kind}: {number(100 * before)} and {number(100 * after)}." for kind, before, after in rows
    )
    with canvas(height, margins=(_LEFT, _RIGHT, 34, 6)) as (figure, axes):
        for position, (kind, before, after) in enumerate(rows):
            y = -position
            axes.plot([100 * before, 100 * after], [y, y], color=RULE, linewidth=3, zorder=1)
            axes.plot(100 * before, y, "o", color=BASE, markersize=8, fillstyle="none", markeredgewidth=2)
            axes.plot(100 * after, y, "o", color=STUDENT, markersize=8)
            transform = axes.get_yaxis_transform()
            axes.text(-0.05, y, kind, transform=transform, ha="right", va="center", color=INK)
            moved = f"{number(100 * before)} → {number(100 * after)}"
            axes.text(
                1 + _RIGHT / (WIDTH - _LEFT - _RIGHT),
                y,
                moved,
                transform=transform,
                ha="right",
                va="center",
                color=MUTED,
                fontsize=10,
            )
        axes.set(ylim=(-len(rows) + 0.5, 0.5), yticks=[], xlabel="% of programs")
        axes.set_xlim(left=min(0, axes.get_xlim()[0]))
        round_ticks(axes.xaxis, integer=True)
        axes.grid(axis="x")
        return svg(figure, "outcomes", label)
