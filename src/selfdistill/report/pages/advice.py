"""The advice in words; advice.html where it was held against trained students."""

from __future__ import annotations

from selfdistill.measure.words import duration, number, percent, percent_interval, point_interval
from selfdistill.report.charts.style import INK, STUDENT, canvas, round_ticks, svg, widen
from selfdistill.report.pages.page import Page, Section, Table, table
from selfdistill.report.pages.sweep import t_eval_words
from selfdistill.report.results import Advice, Interval, Place, PreviewPoint, Regret

_LEAST = 4.0  # percentage points that an axis covers at least


def advice_page(advice: Advice) -> Page:
    """The recommendation beside what training made of it; for advice that has `against`."""
    against, measure = advice["against"], advice["measure"]
    return Page(
        "Advice without training, held against training",
        f"The advice costs {point_interval(against['regret'])} points {measure} against the best trained student",
        tuple(regret_words(advice)),
        (
            Section("The advice", tuple(line.strip() for line in advice_words(advice).splitlines())),
            Section(
                "Previewed and trained",
                ("Each point is a setting; the recommended one is filled.",),
                ((f"{measure} in percent", _scatter(advice)),),
            ),
            Section("Every setting", (), (), _settings(against, measure)),
        ),
    )


def regret_words(advice: Advice) -> list[str]:
    """What the advice lost against the sweep, and what it saved."""
    against, measure = advice["against"], advice["measure"]
    seeds = f"{len(against['seeds'])} seed{'s' if len(against['seeds']) > 1 else ''}"
    cost = against["cost"]
    lines = [
        f"Trained as recommended: {percent_interval(against['recommended'])} percent {measure}. Best of "
        f"{against['settings']} trained settings ({_setting(against['best'])}): "
        f"{percent_interval(against['best']['score'])}. Regret {point_interval(against['regret'])} points; a setting "
        f"drawn at random has {number(100 * against['random'])}. {against['problems']} problems, {seeds}, 95 % "
        "intervals by problem. The best of many flatters itself, so the regret is, if anything, too large.",
        f"Among the settings that the preview tells apart (all but greedy) the best is "
        f"{_setting(against['best_compared'])}: regret {point_interval(against['regret_compared'])}.",
    ]
    if greedy := against["greedy"]:
        lines.append(
            f"The recommended student decoded greedily: {percent_interval(greedy['score'])}, regret "
            f"{point_interval(greedy['regret'])}."
        )
    if across := against["regret_across_seeds"]:
        lines.append(f"With the best setting picked on the other seeds, regret {point_interval(across)}.")
    if rank := against["rank_correlation"]:
        low, high = number(rank["low"], 2), number(rank["high"], 2)
        lines.append(
            f"Rank correlation (Spearman) of previewed and trained scores over {rank['settings']} settings: "
            f"{number(rank['value'], 2)} [{low}, {high}]."
        )
    lines.append(
        f"Cost: {duration(cost['preview'])} for the preview, {duration(cost['sweep'])} for the sweep, a share of "
        f"{percent(cost['preview'] / cost['sweep'], 0)}."
    )
    return lines


def advice_words(advice: Advice) -> str:
    """The recommendation, its uncertainty, the rule of thumb and the paper's settings."""
    best = advice["recommended"]
    measure = advice["measure"]
    others = advice["cannot_be_told_from_it"]
    top = advice["highest"]
    lines = [
        f"Train at T_train {best['t_train']:g}, truncation {best['truncation']}, and decode at T_eval "
        f"{best['t_eval']:g}: previewed {measure} {percent_interval(best['scores'][measure])} percent.",
        f"Highest: {_setting(top)}, {percent_interval(top['scores'][measure])}; it is the best in "
        f"{percent(advice['chance_of_being_best'], 0)} of resamples of the problems, and {len(others)} other settings "
        "cannot be told from it. Of them all, the one with the lowest T_eval is recommended: what mass a real student "
        "leaves where the ideal one has none, a hot T_eval brings back.",
    ]
    lines += [
        f"  {_setting(each)}: behind by {point_interval(each['behind'])} points"
        for each in sorted(others, key=lambda each: each["behind"]["value"])[:6]
    ]
    if greedy := advice["greedy"]:
        more = " That is more: decode greedily where one program is wanted." if _above(greedy, best, measure) else ""
        lines.append(f"Greedy decoding of the base, and so of an ideal student: {percent_interval(greedy)}.{more}")
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


def _above(greedy: Interval, point: PreviewPoint, measure: str) -> bool:
    return greedy["value"] > point["scores"][measure]["value"]


def _scatter(advice: Advice) -> str:
    """Trained against previewed scores, with the line on which both agree."""
    chosen = _setting(advice["recommended"])
    points = sorted(advice["against"]["points"], key=lambda point: _setting(point) == chosen)  # on top
    with canvas(300, margins=(52, 10, 44, 10)) as (figure, axes):
        x = [100 * point["previewed"] for point in points]
        y = [100 * point["trained"]["value"] for point in points]
        bars = [[100 * abs(p["trained"][end] - p["trained"]["value"]) for p in points] for end in ("low", "high")]
        filled = [STUDENT if _setting(point) == chosen else "none" for point in points]
        axes.errorbar(x, y, yerr=bars, linestyle="none", ecolor=STUDENT, elinewidth=1, alpha=0.5)
        axes.scatter(x, y, facecolors=filled, edgecolors=STUDENT, s=28, zorder=3)
        ends = [min(*x, *y), max(*x, *y)]
        axes.plot(ends, ends, color=INK, linewidth=1, linestyle=(0, (1, 2)))
        axes.set_xlabel("previewed, without training")
        axes.set_ylabel("trained")
        for axis in ("x", "y"):
            widen(axes, axis, span=_LEAST)
        round_ticks(axes.xaxis, axes.yaxis)
        axes.grid(axis="y")
        label = f"Trained against previewed {advice['measure']} in percent; on the dotted line both agree."
        return svg(figure, "advice", label)


def _settings(against: Regret, measure: str) -> Table:
    ordered = sorted(against["points"], key=lambda point: -point["trained"]["value"])
    rows = [[_setting(p), percent(p["previewed"]), percent_interval(p["trained"])] for p in ordered]
    return table(["T_train, truncation, T_eval", f"previewed {measure}", "trained"], rows)


def _setting(point: Place) -> str:
    return f"T_train {point['t_train']:g}, {point['truncation']}, T_eval {t_eval_words(point['t_eval'])}"
