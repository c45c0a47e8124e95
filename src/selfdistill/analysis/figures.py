"""How the package's mechanism charts look: matplotlib to small accessible SVG that follows light and dark pages.

Only style and output; what is drawn is in `toy/figures.py` and `charts.py`. Text and axes use `currentColor`, so an
SVG in a page takes the page's colour, and one in a file switches with the reader's colour scheme.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

from selfdistill.files import write_text

BASE = "#b3541e"
"""The base model, always; dashed lines and hatched bars go with it, so that colour is never the only sign."""
STUDENT = "#13806f"
"""The student, always; solid lines and plain bars."""

_INK = "#010203"  # stands for currentColor, which matplotlib does not know
_STYLE = {
    "axes.edgecolor": _INK,
    "axes.labelcolor": _INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "figure.constrained_layout.use": True,
    "font.family": "sans-serif",
    "font.size": 9.5,
    "hatch.linewidth": 0.6,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "savefig.transparent": True,
    "svg.fonttype": "none",
    "svg.hashsalt": "selfdistill",
    "text.color": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
}
_FONTS = "system-ui, sans-serif"
_SCHEME = "svg{color:#1f2328}@media(prefers-color-scheme:dark){svg{color:#e6edf3}}"


def draw_svg(
    draw: Callable[[Any], None],
    *,
    title: str,
    description: str,
    rows: int = 1,
    columns: int = 1,
    width: float = 6.2,
    height: float = 3.1,
) -> str:
    """An SVG element for a page: titled, described, as wide as its container, the same bytes at every run.

    Args:
        draw: called with the axes, an array of shape (rows, columns); matplotlib's global state stays untouched.
        title: read out by screen readers, with `description`; not drawn.
        description: the chart's message in words.
        rows: of axes.
        columns: of axes.
        width: in inches of 72 dots.
        height: the same.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    buffer = io.StringIO()
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(width, height))
        draw(figure.subplots(rows, columns, squeeze=False))
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    svg = buffer.getvalue()
    svg = _page_ready(svg[svg.index("<svg") :])
    head, _, rest = svg.partition(">")
    head = head.replace("<svg ", f'<svg role="img" aria-label="{escape(title)}" font-family="{_FONTS}" ', 1)
    return f"{head}><title>{escape(title)}</title><desc>{escape(description)}</desc>{rest}"


def _page_ready(svg: str) -> str:
    """Without what matplotlib writes for a file of its own: size, fonts, metadata, ids that clash between charts."""
    svg = svg.replace(_INK, "currentColor")
    svg = re.sub(r"<metadata>.*?</metadata>\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<style type.*?</style>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"font-family: [^;\"]*; ?", "", svg)
    svg = re.sub(r' id="[A-Za-z0-9.]+_\d+"', "", svg)
    svg = re.sub(r"<defs>\s*</defs>\s*", "", svg)
    head, _, rest = svg.partition(">")
    return re.sub(r' (width|height)="[\d.]+pt"', "", head) + ">" + rest


def write_svg(path: Path, svg: str) -> None:
    """Save an SVG of `to_svg` as a file of its own, with the colours of both schemes."""
    head, _, rest = svg.partition(">")
    write_text(path, f"{head}><style>{_SCHEME}</style>{rest}")
