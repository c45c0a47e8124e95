"""What every page is made with: the report of a run, explain, the studies.

A page is a template that extends `page.html.jinja`, the shell, and shares its style sheet (`page.css`), the macros in
`macros.html.jinja` and the filters in `filters.py`. Every text is escaped, unless it is a chart or a program that was
escaped before: what models wrote is hostile.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from selfdistill.report.pages.filters import FILTERS


def render(template: str, **values: Any) -> str:
    """A page as one self-contained string of HTML, from the template of this name."""
    return _environment().get_template(template).render(values)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("selfdistill.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= FILTERS
    environment.globals["source"] = _source
    return environment


def _source(name: str) -> Markup:
    """A style sheet or script as it is."""
    return Markup((resources.files("selfdistill.report") / "templates" / name).read_text(encoding="utf-8").strip())
