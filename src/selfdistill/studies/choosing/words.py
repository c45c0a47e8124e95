"""The comparison in words: one sentence a system, and a Markdown table."""

from __future__ import annotations

from selfdistill.measure.words import percent, percent_interval, point_interval
from selfdistill.report.compared import AgreementRow, ChosenByAgreement


def answers(found: ChosenByAgreement) -> list[str]:
    """What each system's agreement scores, what it gains, and what it costs."""
    return [_answer(found, row) for row in found["rows"]]


def markdown(found: ChosenByAgreement) -> str:
    """Answers and table, as the command prints them."""
    rivals = list(found["rows"][0]["rivals"]) if found["rows"] else []
    headings = ["system", f"agreement of {found['samples']}", "one sample", *(f"− {name}" for name in rivals)]
    headings += ["problems with inputs", "sure", "right there", "programs", "seconds"]
    lines = [f"| {' | '.join(headings)} |", "|---" * len(headings) + "|"]
    for row in found["rows"]:
        cells = [row["title"], percent_interval(row["agreement"]), percent_interval(row["rivals"]["one sample"])]
        cells += [point_interval(row["differences"][name]) for name in rivals]
        sure = row["sure"]
        cells += [str(row["with_inputs"]), str(sure["problems"]), percent(sure["value"]) if sure["problems"] else "–"]
        lines.append(f"| {' | '.join([*cells, str(row['programs']), str(row['seconds'])])} |")
    return "\n".join([*found["answers"], "", *lines]) + "\n"


def _answer(found: ChosenByAgreement, row: AgreementRow) -> str:
    count, differences = found["samples"], row["differences"]
    share, gain = percent(row["agreement"]["value"]), point_interval(differences["one sample"])
    text = (
        f"{row['title']}: one of the largest group of {count} answers is right on {share} of the problems, {gain} "
        f"points over one answer by itself. It costs {count} samples a problem."
    )
    if "base, greedy" in differences:
        text += f" Over the base’s greedy answer, which costs one: {point_interval(differences['base, greedy'])}."
    return text
