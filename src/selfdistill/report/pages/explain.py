"""explain.html and explain.json: one self-contained page, made from an `ExplainResult` and nothing else.

It reads without script: every token can be focused, and its distributions are in the page. The one script in it, bound
by its digest in the Content-Security-Policy, adds arrow keys and Escape. Texts of models are escaped and made visible.
"""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path

from selfdistill.directory import RunDirectory
from selfdistill.explain.records import ExplainResult
from selfdistill.files import write_json, write_text
from selfdistill.report.charts.explain import curve_charts, entropy_chart, example_charts
from selfdistill.report.charts.files import write_svg
from selfdistill.report.pages import explain_words as words
from selfdistill.report.pages import kit


def write_explain(result: ExplainResult, out_dir: Path) -> Path:
    """Write `explain.json` and `explain.html` into a directory; returns the page's path.

    Raises:
        UserError: the directory cannot be written to.
    """
    directory = RunDirectory(out_dir)
    write_json(directory.explanation, asdict(result))
    write_text(directory.explanation_page, render(result))
    return directory.explanation_page


def write_figures(result: ExplainResult, out_dir: Path) -> list[Path]:
    """Write the page's charts as SVG files of their own; returns their paths."""
    charts = {f"explain-{kind}": svg for kind, _, _, svg in example_charts(result)}
    charts |= {f"explain-{_slug(heading)}": svg for heading, svg in curve_charts(result)}
    charts["explain-entropy-split"] = entropy_chart(result.kinds)
    for name, svg in charts.items():
        write_svg(out_dir / f"{name}.svg", svg)
    return [out_dir / f"{name}.svg" for name in charts]


def render(result: ExplainResult) -> str:
    """The page as one string."""
    return kit.render(
        "explain.html.jinja",
        result=result,
        rows={row.kind: row for row in result.kinds},
        headline=words.headline(result),
        lines=words.lines(result),
        examples=example_charts(result),
        charts=curve_charts(result),
        entropy_chart=entropy_chart(result.kinds),
    )


def _slug(heading: str) -> str:
    return re.sub(r"[^a-z]+", "-", heading.lower()).strip("-")
