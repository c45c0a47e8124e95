"""preview.html from preview.json."""

from __future__ import annotations

from selfdistill.measure.words import number, percent, percent_interval
from selfdistill.report.charts.sweep import heat_map
from selfdistill.report.pages.page import Page, Section, Table, table
from selfdistill.report.results import Preview, PreviewPoint


def preview_page(summary: Preview) -> Page:
    """What an ideally fitted student would score at every setting."""
    measures = summary["measures"]
    trusted = [point for point in summary["points"] if point["trusted"][measures[0]]]
    top = max(trusted or summary["points"], key=lambda point: point["scores"][measures[0]]["value"])
    lead = (
        f"An ideally fitted student is the base decoded in two stages, so it can be scored without training. Best: "
        f"T_train {top['t_train']:g}, truncation {top['truncation']}, T_eval {top['t_eval']:g}, "
        f"{percent_interval(top['scores'][measures[0]])} percent {measures[0]}; greedy, the same at every T_train, "
        f"{percent_interval(summary['greedy'][measures[0]])}.",
        f"{summary['programs']:,} programs on {summary['problems']} problems, drawn under "
        f"{len(summary['proposals'])} decodings ({'; '.join(summary['proposals'])}), weighted for "
        f"{len(summary['points'])} settings. Where, in effect, less than five percent of the draws speak for an "
        "estimate, none is given.",
        "Real students differ from the ideal one: training also generalises beyond the sampled contexts.",
    )
    shapes = list(dict.fromkeys(point["truncation"] for point in summary["points"]))
    given = {measure: [point for point in summary["points"] if point["trusted"][measure]] for measure in measures}
    charts = tuple(
        (f"{measure}, truncation {shape}", heat_map(given[measure], shape, measure))
        for shape in shapes
        for measure in measures
        if any(point["truncation"] == shape for point in given[measure])
    )
    return Page(
        "Ideal-fit preview: no training",
        f"{summary['name']}: what an ideal student would score",
        lead,
        (Section("T_train against T_eval", (), charts), Section("Every setting", (), (), _points(summary))),
    )


def _points(summary: Preview) -> Table:
    measures = summary["measures"]
    rows = [
        [
            f"{p['t_train']:g}, {p['truncation']}, {p['t_eval']:g}",
            number(p["t_eff"], 2),
            *(_estimate(p, measure) for measure in measures),
            percent(p["effective"][measures[0]], 0),
        ]
        for p in sorted(summary["points"], key=lambda p: -p["scores"][measures[0]]["value"])
    ]
    return table(["T_train, truncation, T_eval", "T_eff", *measures, "effective share of the draws"], rows)


def _estimate(point: PreviewPoint, measure: str) -> str:
    return percent_interval(point["scores"][measure]) if point["trusted"][measure] else "too few draws"
