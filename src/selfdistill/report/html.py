"""report.html: one self-contained page, made from the summary and nothing else; no script, no font from elsewhere.

The page forbids itself to load or run anything (Content-Security-Policy), and every text from a run is escaped: sample
programs are whatever a model wrote.
"""

from __future__ import annotations

from typing import Any

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from selfdistill.measure import words
from selfdistill.recipe.decoding import Decoding
from selfdistill.report import claims
from selfdistill.report.answer import pick
from selfdistill.report.figures import figures, further
from selfdistill.report.programs import program_html


def render(summary: dict[str, Any]) -> str:
    """The report as one HTML page, from `build_summary`'s result or summary.json read back."""
    environment = Environment(
        loader=PackageLoader("selfdistill.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "percent": words.percent,
        "points": words.points,
        "point_interval": words.point_interval,
        "percent_interval": words.percent_interval,
        "count": words.count,
        "number": words.number,
        "duration": words.duration,
        "gigabytes": words.gigabytes,
        "sentence": words.sentence,
        "unbroken": words.unbroken,
        "program": program_html,
        "decoding": lambda settings: Decoding(**settings).label,
        "yaml": _yaml,
        "training_data": claims.of_report,
    }
    style = environment.loader.get_source(environment, "report.css")[0]  # type: ignore[union-attr]
    template = environment.get_template("report.html.jinja")
    drawn = figures(summary)
    return template.render(
        summary=summary,
        figures=drawn,
        further=further(drawn),
        default=pick(summary["comparisons"], "default"),
        style=Markup(style),
    )


def _yaml(value: Any) -> str:
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=100)
