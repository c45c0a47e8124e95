"""The comparison in words: a plain answer by fixed rules, and one Markdown table a measure."""

from __future__ import annotations

from selfdistill.decoding.families import PLAIN
from selfdistill.measure.words import listed, percent, percent_interval, point_interval
from selfdistill.report.compared import BaselineDifference, BaselineRow, Baselines


def answers(found: Baselines) -> list[str]:
    """One or two sentences a measure: does a rival reach SSD, does one add to it?"""
    return [sentence for measure in found["measures"] for sentence in _answer(found, measure)]


def markdown(found: Baselines) -> str:
    """Answers and tables, as the command prints them and docs/LOG.md keeps them."""
    seeds = found.get("seeds", [found.get("seed", 0)])
    head = (
        f"Tuned on {found['validation']['problems']} validation problems, tested on {found['test']['problems']}; "
        f"seeds {', '.join(map(str, seeds))}; percent with 95 % intervals by problem."
    )
    return (
        "\n".join([head, "", *answers(found), *(line for m in found["measures"] for line in _table(found, m))]) + "\n"
    )


def rows_of(found: Baselines, measure: str) -> list[BaselineRow]:
    """The rows of one measure, plain first."""
    rows = [row for row in found["rows"] if row["measure"] == measure]
    return sorted(rows, key=lambda row: row["family"] != PLAIN)


def _answer(found: Baselines, measure: str) -> list[str]:
    plain, *rivals = rows_of(found, measure)
    ssd = plain["student"]["test"]["value"]
    gain = plain["differences"]["SSD - rival"]
    sentences = [
        f"{measure}: SSD {percent(ssd)}, the base {percent(plain['base']['test']['value'])} under its best plain "
        f"decoding; SSD is {point_interval(gain)} points ahead."
    ]
    if not rivals:
        return sentences
    best = max(rivals, key=lambda row: row["base"]["test"]["value"] or 0.0)
    beaten = [row for row in rivals if _shown(row["differences"]["SSD - rival"])]
    level = [row["family"] for row in rivals if row not in beaten]
    sentences.append(
        f"Best rival on the base: {best['family']} ({best['base']['decoding']}), "
        f"{percent(best['base']['test']['value'])}; SSD minus it {point_interval(best['differences']['SSD - rival'])}. "
        f"SSD is better than {len(beaten)} of {len(rivals)} rivals"
        + (f"; not shown for {listed(level)}." if level else ".")
    )
    helped = [row["family"] for row in rivals if _shown(row["differences"]["SSD + rival - SSD"])]
    add = "add" if len(helped) > 1 else "adds"
    sentences.append(f"On top of SSD, {listed(helped) if helped else 'no rival'} {add} to it clearly.")
    return sentences


def _shown(gain: BaselineDifference) -> bool:
    """Whether the whole interval is above zero."""
    return gain["low"] is not None and gain["low"] > 0


def _table(found: Baselines, measure: str) -> list[str]:
    headings = ("decoding", f"base, {measure}", "its setting", f"SSD, {measure}", "its setting")
    names = ("SSD - rival", "SSD + rival - SSD", "rival - base")
    lines = ["", f"| {' | '.join((*headings, *names))} |", "|---" * (len(headings) + len(names)) + "|"]
    for row in rows_of(found, measure):
        cells = [row["family"]]
        for model in ("base", "student"):
            cells += [percent_interval(row[model]["test"]), row[model]["decoding"]]
        cells += [_difference(row["differences"][name], found) for name in names]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _difference(difference: BaselineDifference, found: Baselines) -> str:
    text = point_interval(difference)
    return f"{text}, {difference['above_zero']} of {len(found['seeds'])} seeds" if "above_zero" in difference else text
