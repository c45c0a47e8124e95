"""explain.html and explain.json: one self-contained page, made from an `ExplainResult` and nothing else.

It reads without script: every token can be focused, and its distributions are in the page. The one script in it, bound
by its digest in the Content-Security-Policy, adds arrow keys and Escape. Texts of models are escaped and made visible.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import asdict
from importlib import resources
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from selfdistill.analysis import words
from selfdistill.analysis.charts import curve_charts, entropy_chart
from selfdistill.analysis.records import Band, ExplainResult, Position, Program
from selfdistill.files import write_json, write_text
from selfdistill.report.programs import visible
from selfdistill.report.words import UNDEFINED, number, percent

_MARKS = str.maketrans({"\n": "⏎\n", "\t": "⇥\t"})


def write_explain(result: ExplainResult, out_dir: Path) -> Path:
    """Write `explain.json` and `explain.html` into a directory; returns the page's path.

    Raises:
        UserError: the directory cannot be written to.
    """
    write_json(out_dir / "explain.json", asdict(result))
    write_text(out_dir / "explain.html", render(result))
    return out_dir / "explain.html"


def render(result: ExplainResult) -> str:
    """The page as one string."""
    environment = Environment(
        loader=PackageLoader("selfdistill.analysis"),
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


def token_name(text: str) -> str:
    """A token as a name in a list: quoted white space, pictures for what cannot be seen."""
    shown = visible(text).replace("\n", "⏎").replace("\t", "⇥")
    return shown.replace(" ", "␣") if shown != shown.strip() or not shown.strip() else shown


def token_code(text: str) -> str:
    """A token as it stands in a program; an end of line stays one, with a mark to point at."""
    return visible(text).translate(_MARKS)


def listing(program: Program) -> list[tuple[Position, str]]:
    """The positions of a program with the class that shades each: kind, whether it moved much, where it leaves."""
    return [(position, _classes(position, program)) for position in program.positions]


def _classes(position: Position, program: Program) -> str:
    moved = " moved" if position.moved >= 0.1 else ""
    leaves = " leaves" if position.offset == program.leaves_at else ""
    return f"{position.kind}{moved}{leaves}"


def _forks(program: Program) -> list[Position]:
    return [position for position in program.positions if position.kind == "fork"]


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items()) or "none"


def _source(name: str, package: str = "selfdistill.analysis") -> str:
    return (resources.files(package) / "templates" / name).read_text()
