"""One look for all charts: matplotlib SVG that lives inside a page, takes its colours and font, and repeats exactly.

Colours are drawn as placeholders and become CSS variables, so that a chart follows the page into dark mode and print.
Text stays text: it can be searched, copied and read aloud. Identifiers get the chart's name as a prefix, because
several charts share one page. matplotlib is imported when the first is drawn.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

WIDTH = 360
"""Units of a chart's width. A phone shows them as pixels, a desk a third larger: text of 10.5 stays legible."""

COLOURS = {
    "ink": "#010101",
    "muted": "#020202",
    "rule": "#030303",
    "student": "#040404",
    "base": "#050505",
    "other": "#060606",
    "paper": "#070707",
}
"""Placeholder of each CSS variable `--name`."""

INK, MUTED, RULE, STUDENT, BASE, OTHER, PAPER = COLOURS.values()

_SETTINGS = {
    "svg.fonttype": "none",
    "font.family": "DejaVu Sans",
    "font.size": 11,
    "text.color": INK,
    "axes.edgecolor": RULE,
    "axes.labelcolor": MUTED,
    "axes.labelsize": 10.5,
    "axes.linewidth": 1.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.facecolor": "none",
    "axes.axisbelow": True,
    "figure.facecolor": "none",
    "grid.color": RULE,
    "grid.linewidth": 0.75,
    "xtick.color": RULE,
    "ytick.color": RULE,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "xtick.labelsize": 10.5,
    "ytick.labelsize": 10.5,
    "xtick.major.size": 3,
    "ytick.major.size": 0,
    "legend.frameon": False,
    "legend.fontsize": 10.5,
    "legend.labelcolor": INK,
    "lines.solid_capstyle": "round",
}


def round_ticks(*axes: Axis, integer: bool = False) -> None:
    """Ticks at multiples of 1, 2 or 5 times a power of ten, about half a dozen of them."""
    from matplotlib.ticker import MaxNLocator

    for axis in axes:
        axis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10], integer=integer))


def widen(axes: Axes, *names: str, span: float) -> None:
    """Let axes `x` or `y` cover at least this span, so that noise does not fill a chart."""
    for name in names:
        low, high = getattr(axes, f"get_{name}lim")()
        missing = max(0.0, span - (high - low)) / 2
        getattr(axes, f"set_{name}lim")(low - missing, high + missing)


@contextmanager
def canvas(height: float, *, margins: tuple[float, float, float, float]) -> Iterator[tuple[Figure, Axes]]:
    """A figure with one pair of axes, `height` units high, under the common style.

    Args:
        height: of the whole chart, in the units of WIDTH.
        margins: left, right, bottom and top, in the same units: fixed, so that charts beside each other line up.
    """
    import matplotlib
    from matplotlib.figure import Figure

    left, right, bottom, top = margins
    with matplotlib.rc_context(_SETTINGS):
        figure = Figure(figsize=(WIDTH / 72, height / 72), dpi=72)
        box = (left / WIDTH, bottom / height, 1 - (left + right) / WIDTH, 1 - (bottom + top) / height)
        yield figure, figure.add_axes(box)


def svg(figure: Figure, name: str, label: str) -> str:
    """The figure as an inline `<svg>` element.

    Args:
        figure: drawn inside `canvas`.
        name: unique in the page, [a-z0-9-]; prefixes every identifier.
        label: what the chart shows, in a sentence, for those who cannot see it.
    """
    import matplotlib

    buffer = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": name, **_SETTINGS}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = re.sub(r'(href="#|url\(#)', rf"\g<1>{name}-", text)
    for variable, placeholder in COLOURS.items():
        text = text.replace(placeholder, f"var(--{variable})")
    text = re.sub(r"'DejaVu Sans'[^;\"]*", "var(--sans)", text)
    opening = f'<svg class="chart" role="img" aria-label="{escape(label)}" viewBox="0 0 {_size(figure)}" '
    text = re.sub(r"<svg [^>]*>", opening + 'xmlns:xlink="http://www.w3.org/1999/xlink">', text, count=1)
    return re.sub(r"\n\s*", "\n", text).strip()


def _size(figure: Figure) -> str:
    width, height = figure.get_size_inches() * 72
    return f"{width:g} {height:g}"
