"""A figure of the report: how many problems there were."""

from __future__ import annotations

from markupsafe import Markup

from selfdistill.report.figures import Summary


def hourglass(summary: Summary) -> Markup | None:
    if not summary["groups"]:
        return None
    return Markup('<svg role="img" aria-label="hourglass"><title>{}</title></svg>').format(summary["groups"]["all"])
