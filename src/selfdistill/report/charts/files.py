"""Charts of the report's style as SVG files of their own, and several axes in one of them.

In a page a chart takes the page's colours through CSS variables; a file brings them along, for light and dark readers,
read from the report's own style sheet so that there is one palette.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any

from selfdistill.files import write_text
from selfdistill.report.charts.style import WIDTH, canvas

_LEFT, _RIGHT, _BOTTOM, _TOP = 40, 10, 38, 22  # margins of each of several axes, in units of WIDTH


@contextmanager
def grid(rows: int, columns: int, *, row_height: float) -> Iterator[tuple[Any, list[list[Any]]]]:
    """A figure with several axes under the common style.

    Args:
        rows: of axes.
        columns: of axes.
        row_height: in the units of the report's chart width.
    """
    height = rows * row_height
    with canvas(height, margins=(_LEFT, _RIGHT, _BOTTOM, _TOP)) as (figure, axes):
        axes.remove()
        width = WIDTH / columns

        def box(row: int, column: int) -> tuple[float, float, float, float]:
            left, bottom = column * width + _LEFT, height - (row + 1) * row_height + _BOTTOM
            return (
                left / WIDTH,
                bottom / height,
                (width - _LEFT - _RIGHT) / WIDTH,
                (row_height - _BOTTOM - _TOP) / height,
            )

        yield figure, [[figure.add_axes(box(row, column)) for column in range(columns)] for row in range(rows)]


def write_svg(path: Path, svg: str) -> None:
    """Save an inline chart as a file of its own, with the colours of both schemes."""
    sheet = (resources.files("selfdistill.report") / "templates" / "page.css").read_text(encoding="utf-8")
    light, dark = (_variables(block) for block in re.findall(r":root \{(.*?)\}", sheet, flags=re.DOTALL)[:2])
    style = f"<style>svg{{{light}}}@media(prefers-color-scheme:dark){{svg{{{dark}}}}}</style>"
    head, _, rest = svg.partition(">")
    write_text(path, f'{head} xmlns="http://www.w3.org/2000/svg">{style}{rest}')


def _variables(block: str) -> str:
    return "".join(re.findall(r"--(?:ink|muted|rule|student|base|other|paper|sans):[^;]*;", block))
