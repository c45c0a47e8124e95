"""report.html: one self-contained page, made from the summary and nothing else; no script, no font from elsewhere.

The page forbids itself to load or run anything (Content-Security-Policy), and every text from a run is escaped: sample
programs are whatever a model wrote.
"""

from __future__ import annotations

from selfdistill.report.answer import pick
from selfdistill.report.figures import figures, further
from selfdistill.report.pages import kit
from selfdistill.report.summarised import Summary


def render(summary: Summary) -> str:
    """The report as one HTML page, from `build_summary`'s result or summary.json read back."""
    default = pick(summary["comparisons"], "default")
    drawn = figures(summary)
    return kit.render("report.html.jinja", summary=summary, figures=drawn, further=further(drawn), default=default)
