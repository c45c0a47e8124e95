"""explain.html and explain.json: one self-contained page, made from an `ExplainResult` and nothing else.

It reads without script: every token can be focused, and its distributions are in the page. The one script in it, bound
by its digest in the Content-Security-Policy, adds arrow keys and Escape. Texts of models are escaped and made visible.
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import asdict
from importlib import resources
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from selfdistill.explain.records import Band, ExplainResult, Position, Program
from selfdistill.files import write_json, write_text
from selfdistill.measure.words import UNDEFINED, number, percent
from selfdistill.report.charts.explain import curve_charts, entropy_chart, example_charts
from selfdistill.report.charts.files import write_svg
from selfdistill.report.pages import explain_words as words
from selfdistill.report.programs import visible
from selfdistill.report.tokens import token_code, token_name


def write_explain(result: ExplainResult, out_dir: Path) -> Path:
    """Write `explain.json` and `explain.html` into a directory; returns the page's path.

    Raises:
        UserError: the directory cannot be written to.
    """
    write_json(out_dir / "explain.json", asdict(result))
    write_text(out_dir / "explain.html", render(result))
    return out_dir / "explain.html"


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
    environment = Environment(
        loader=PackageLoader("selfdistill.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "percent": percent,
        "number": number,
        "band": band,
        "percent_band": percent_band,
        "name": token_name,
        "code": token_code,
        "visible": visible,
        "listed": _listed,
    }
    script = _source("explain.js.jinja").strip()
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return environment.get_template("explain.html.jinja").render(
        result=result,
        rows={row.kind: row for row in result.kinds},
        headline=words.headline(result),
        lines=words.lines(result),
        examples=[(kind, why, before, Markup(svg)) for kind, why, before, svg in example_charts(result)],
        charts=[(heading, Markup(svg)) for heading, svg in curve_charts(result)],
        entropy_chart=Markup(entropy_chart(result.kinds)),
        style=Markup(_source("report.css", "selfdistill.report") + _source("explain.css")),
        script=Markup(script),
        script_digest=digest,
        listing=listing,
        forks=_forks,
    )


def band(value: Band, digits: int = 3) -> str:
    """A mean with its interval."""
    if value.value != value.value:
        return UNDEFINED
    return f"{number(value.value, digits)}\u00a0[{number(value.low, digits)},\u00a0{number(value.high, digits)}]"


def percent_band(value: Band, digits: int = 2) -> str:
    """A share with its interval, in percent."""
    return band(Band(100 * value.value, 100 * value.low, 100 * value.high), digits)


def listing(program: Program) -> list[tuple[Position, str]]:
    """The positions of a program with the class that shades each: kind, whether it moved much, where it leaves."""
    return [(position, _classes(position, program)) for position in program.positions]


def _classes(position: Position, program: Program) -> str:
    moved = " moved" if position.moved >= 0.1 else ""
    leaves = " leaves" if position.offset == program.leaves_at else ""
    return f"{position.kind}{moved}{leaves}"


def _slug(heading: str) -> str:
    return re.sub(r"[^a-z]+", "-", heading.lower()).strip("-")


def _forks(program: Program) -> list[Position]:
    return [position for position in program.positions if position.kind == "fork"]


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items()) or "none"


def _source(name: str, package: str = "selfdistill.report") -> str:
    return (resources.files(package) / "templates" / name).read_text(encoding="utf-8")
