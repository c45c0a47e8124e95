"""preview.html from preview.json, and the advice in words."""

from __future__ import annotations

from typing import Any

from selfdistill.report.words import number, percent, percent_interval, point_interval
from selfdistill.study.page import Page, Section, Table, table
from selfdistill.study.sweep_charts import heat_map


def preview_page(summary: dict[str, Any]) -> Page:
    """What an ideally fitted student would score at every setting."""
    measures = summary["measures"]
    trusted = [point for point in summary["points"] if point["trusted"]]
    top = max(trusted or summary["points"], key=lambda point: point["scores"][measures[0]]["value"])
    lead = (
        f"An ideally fitted student is the base decoded in two stages, so it can be scored without training. Best: "
        f"T_train {top['t_train']:g}, truncation {top['truncation']}, T_eval {top['t_eval']:g}, "
        f"{percent_interval(top['scores'][measures[0]])} percent {measures[0]}; greedy, the same at every T_train, "
        f"{percent_interval(summary['greedy'][measures[0]])}.",
        f"{summary['programs']:,} programs on {summary['problems']} problems, drawn under "
        f"{len(summary['proposals'])} decodings ({'; '.join(summary['proposals'])}), weighted for "
        f"{len(summary['points'])} settings. An estimate is marked where, in effect, less than five percent of the "
        "draws speak for it.",
        "Real students differ from the ideal one: training also generalises beyond the sampled contexts.",
    )
    shapes = list(dict.fromkeys(point["truncation"] for point in summary["points"]))
    charts = tuple(
        (f"{measure}, truncation {shape}", heat_map(summary["points"], shape, measure))
        for shape in shapes
        for measure in measures
    )
    return Page(
        "Ideal-fit preview: no training",
        f"{summary['name']}: what an ideal student would score",
        lead,
        (Section("T_train against T_eval", (), charts), Section("Every setting", (), (), _points(summary))),
    )


def advice_words(advice: dict[str, Any]) -> str:
    """The recommendation, its uncertainty, the rule of thumb and the paper's settings."""
    best = advice["recommended"]
    measure = advice["measure"]
    others = advice["cannot_be_told_from_it"]
    lines = [
        f"Train at T_train {best['t_train']:g}, truncation {best['truncation']}, and decode at T_eval "
        f"{best['t_eval']:g}: previewed {measure} {percent_interval(best['scores'][measure])} percent.",
        f"It is the best setting in {percent(advice['chance_of_being_best'], 0)} of resamples of the problems; "
        f"{len(others)} other settings cannot be told from it.",
    ]
    lines += [
        f"  T_train {each['t_train']:g}, {each['truncation']}, T_eval {each['t_eval']:g}: behind by "
        f"{point_interval(each['behind'])} points"
        for each in sorted(others, key=lambda each: each["behind"]["value"])[:6]
    ]
    if advice["greedy"]:
        lines.append(f"Greedy decoding of the base, and so of an ideal student: {percent_interval(advice['greedy'])}.")
    rule = advice["rule_of_thumb"]
    kept = "keeps to" if rule["kept"] else "does not keep to"
    lines.append(f"T_train × T_eval is {number(rule['t_eff'], 2)}: this {kept} the rule of thumb, above 0.75.")
    lines.append("The paper's settings (T_train with truncation → T_eval with truncation, product):")
    lines += [
        f"  {each['recipe']}: {each['sampling']} → {each['student']}, {number(each['t_eff'], 2)}"
        for each in advice["paper"]
    ]
    if advice["left_out"]:
        lines.append(f"{advice['left_out']} settings were left out: too few of the draws speak for them.")
    return "\n".join(lines)


def _points(summary: dict[str, Any]) -> Table:
    measures = summary["measures"]
    rows = [
        [
            f"{p['t_train']:g}, {p['truncation']}, {p['t_eval']:g}",
            number(p["t_eff"], 2),
            *(percent_interval(p["scores"][measure]) for measure in measures),
            percent(p["effective"], 0) + ("" if p["trusted"] else " (too few)"),
        ]
        for p in sorted(summary["points"], key=lambda p: -p["scores"][measures[0]]["value"])
    ]
    return table(["T_train, truncation, T_eval", "T_eff", *measures, "effective share of the draws"], rows)
